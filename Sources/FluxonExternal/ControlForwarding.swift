import FluxonCore
import FluxonRPC
import FluxonSystem

/// Questions of tools (`fluxon members`, `fluxon status`, `fluxon network`) go on to the owner of this machine. On the loop only.
final class ControlForwarding {
    private let loop: EventLoop
    private let location: () throws -> String
    private var client: (path: String, client: RPCClient)?

    /// - Parameter location: the owner's socket, asked anew for each call.
    init(loop: EventLoop, server: RPCServer, location: @escaping () throws -> String) {
        self.loop = loop
        self.location = location
        for path in [
            MethodPath.controlMembers, MethodPath.controlStatus, MethodPath.controlKeys, MethodPath.controlNetwork,
            MethodPath.controlNetworkChange, MethodPath.controlRecover,
        ] {
            server.unaryLater(path) { [weak self] bytes, stream in self?.forward(stream, bytes) }
        }
    }

    func close() {
        client?.client.close()
        client = nil
    }

    private func forward(_ stream: RPCStream, _ bytes: [UInt8]) {
        let client: RPCClient
        do { client = try owner() } catch { return stream.finish(RPCStatus(.unavailable, "\(error)")) }
        let call = client.open(stream.path, deadline: .seconds(5))
        call.onMessage = { stream.send($0) }
        call.onEnd = { stream.finish($0) }
        stream.onEnd = { [weak call] _ in call?.cancel() }
        call.send(bytes)
        call.halfClose()
    }

    private func owner() throws -> RPCClient {
        let path = try location()
        if let client, client.path == path { return client.client }
        client?.client.close()
        let new = RPCClient(loop: loop, target: .unix(path))
        client = (path, new)
        return new
    }
}
