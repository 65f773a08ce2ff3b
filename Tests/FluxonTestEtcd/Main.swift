import FluxonEtcdEmbedded
import FluxonSystem
import Glibc

/// Serves the embedded metadata for a test: `fluxon-test-etcd FILE HOST:PORT`. Prints where it listens, and ends when its input does.
@main enum Main {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else {
            puts("usage: fluxon-test-etcd FILE HOST:PORT")
            exit(64)
        }
        let (server, address) = try await EmbeddedEtcd.start(path: arguments[1], listen: try SocketAddress(parsing: arguments[2]))
        puts("\(address)")
        fflush(nil)
        // So that it never outlives the test that started it.
        while getchar() != EOF {}
        await server.stop()
    }
}
