internal import FluxonCore
internal import FluxonSystem

/// The methods of a server by their paths. On its loop only.
final class RPCHandlers {
    var accept: [String: (RPCStream) -> Void] = [:]

    /// Hands a call whose header fields are there to its method, and gives it its deadline.
    func dispatch(_ stream: RPCStream, on loop: EventLoop) {
        guard let handler = accept[stream.path] else {
            let services = Set(accept.keys.compactMap { $0.split(separator: "/").first }).sorted().joined(separator: ", ")
            stream.finish(RPCStatus(.unimplemented, "no method \(stream.path) here; this server has the services \(services)"))
            return
        }
        let timeout = stream.block.timeout
        if let timeout { stream.deadline = loop.now.advanced(by: timeout) }
        handler(stream)
        guard let timeout, let deadline = stream.deadline, !stream.isEnded, !stream.hasSentStatus else { return }
        stream.timer = loop.schedule(at: deadline) {
            stream.expire(RPCStatus(.deadlineExceeded, "no answer within \(timeout)"))
        }
    }
}
