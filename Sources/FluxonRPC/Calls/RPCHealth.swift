internal import FluxonCore

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
            stream.onHalfClose = { [weak self, unowned stream] in
                guard let self, !watchers.contains(where: { $0.stream === stream }) else { return }
                stream.finish(RPCStatus(.unimplemented, "\(stream.path) takes one message, and none came"))
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
        guard !watchers.contains(where: { $0.stream === stream }) else {
            return stream.finish(RPCStatus(.unimplemented, "\(stream.path) takes one message, and two came"))
        }
        watchers.append((service, stream))
        stream.send(Self.encode(statuses[service] ?? .serviceUnknown))
    }

    /// `HealthCheckResponse`: field 1, an enum.
    private static func encode(_ status: Status) -> [UInt8] { status == .unknown ? [] : [0x08, status.rawValue] }

    /// `HealthCheckRequest`: field 1, a string; others are of versions to come.
    private static func service(in message: [UInt8]) throws(RPCError) -> String {
        var reader = ProtobufReader(message)
        var service = ""
        do throws(ProtobufError) {
            while let field = try reader.next() {
                if field == 1 { service = try reader.string(limit: message.count) } else { try reader.skip() }
            }
        } catch {
            throw RPCError(.invalidArgument, "a health request is the name of a service: \(error)")
        }
        return service
    }
}
