import FluxonEtcdEmbedded
import FluxonSystem
import Glibc
import Logging

/// Serves the embedded metadata for a test: `fluxon-test-etcd FILE HOST:PORT`. Prints where it listens, and ends when its input does.
@main enum Main {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else {
            puts("usage: fluxon-test-etcd FILE HOST:PORT")
            exit(64)
        }
        let logger = Logger(label: "fluxon-test-etcd", factory: { StreamLogHandler.standardError(label: $0) })
        let (server, address) = try await EmbeddedEtcd.start(
            path: arguments[1], listen: try SocketAddress(parsing: arguments[2]), logger: logger)
        puts("\(address)")
        fflush(nil)
        // So that it never outlives the test that started it.
        while getchar() != EOF {}
        await server.stop()
    }
}
