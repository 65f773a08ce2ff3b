internal import FluxonSystem

/// When a silent peer is asked whether it is still there. Unix sockets need none: the kernel tells of a peer's death.
///
/// A client asks while it has calls, since gRPC's servers take pings without reason for abuse. A server always asks: of a machine that
/// vanished nothing else tells.
package struct RPCKeepalive: Sendable, Hashable {
    /// Silence after which a ping is sent. Default: 20 s.
    package var interval: Duration
    /// Time for the answer; after it the connection is given up. Default: 10 s.
    package var timeout: Duration

    package init(interval: Duration = .seconds(20), timeout: Duration = .seconds(10)) {
        self.interval = interval
        self.timeout = timeout
    }
}

/// Pings on one connection.
final class Keepalive {
    private let settings: RPCKeepalive
    private unowned let connection: RPCConnection
    private var timer: LoopTimer?

    /// `connection` stops this before it goes.
    init(_ settings: RPCKeepalive, connection: RPCConnection) {
        self.settings = settings
        self.connection = connection
        wait()
    }

    func stop() { timer?.cancel() }

    private func wait() {
        timer = connection.loop.schedule(after: settings.interval) { [weak self] in self?.check() }
    }

    private func check() {
        let isAsked = connection.session.role == .server || !connection.session.isIdle
        guard !connection.takeActivity(), isAsked else { return wait() }
        connection.session.ping()
        timer = connection.loop.schedule(after: settings.timeout) { [weak self] in self?.decide() }
    }

    /// Any byte since the ping shows life, not only the answer: a busy peer may have much to send before it.
    private func decide() {
        if connection.takeActivity() { return wait() }
        connection.close(
            RPCError(.unavailable, "\(connection.peer) was silent for \(settings.interval + settings.timeout) and did not answer a ping"))
    }
}
