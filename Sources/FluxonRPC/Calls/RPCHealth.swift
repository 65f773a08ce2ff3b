/// `grpc.health.v1.Health`: what load balancers, probes and `grpc_health_probe` ask. On the server's loop.
///
///     let health = RPCHealth(on: server)
///     health.set("", .serving)
package final class RPCHealth {
    package enum Status: UInt8, Sendable, Hashable {
        case unknown = 0
        case serving = 1
        case notServing = 2
        /// Answer to a watch of a service that nobody has set.
        case serviceUnknown = 3
    }

    private var statuses: [String: Status] = ["": .serving]
    private var watchers: [(service: String, stream: RPCStream)] = []

    /// Adds the service. The whole server (service "") is serving from the start.
    package init(on server: RPCServer) {
        server.unaryNow("/grpc.health.v1.Health/Check") { [self] message, _ throws(RPCError) in
            let service = try Self.service(in: message)
            guard let status = statuses[service] else { throw RPCError(.notFound, "no service '\(service)' here") }
            return Self.encode(status)
        }
        server.handle("/grpc.health.v1.Health/Watch") { [self] stream in
            stream.onMessage = { [weak self, unowned stream] message in
                guard let self else { return }
                do throws(RPCError) { watch(try Self.service(in: message), stream) } catch { stream.finish(error.status) }
            }
            stream.onEnd = { [weak self, unowned stream] _ in self?.watchers.removeAll { $0.stream === stream } }
        }
    }

    /// Sets what a service is, and tells who watches it.
    package func set(_ service: String, _ status: Status) {
        guard statuses.updateValue(status, forKey: service) != status else { return }
        for watcher in watchers where watcher.service == service { watcher.stream.send(Self.encode(status)) }
    }

    private func watch(_ service: String, _ stream: RPCStream) {
        watchers.append((service, stream))
        stream.send(Self.encode(statuses[service] ?? .serviceUnknown))
    }

    /// `HealthCheckResponse`: field 1, an enum.
    private static func encode(_ status: Status) -> [UInt8] { status == .unknown ? [] : [0x08, status.rawValue] }

    /// `HealthCheckRequest`: field 1, a string of less than 128 bytes; nothing else.
    private static func service(in message: [UInt8]) throws(RPCError) -> String {
        if message.isEmpty { return "" }
        guard message.count >= 2, message[0] == 0x0a, message[1] < 128, message.count == Int(message[1]) + 2 else {
            throw RPCError(.invalidArgument, "a health request is one name of at most 127 bytes")
        }
        return String(decoding: message[2...], as: UTF8.self)
    }
}
