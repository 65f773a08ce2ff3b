import DequeModule
import FluxonCore
import FluxonSystem

/// The connection to one address and the reads that wait for it. On the loop only.
///
///     unused ──first read──▶ connecting ──▶ ready ──lost──▶ away ──an attempt, at growing pauses──▶ ready
///                                └──failed──────────────────▲  └──nobody asked since the last attempt──▶ unused
///
/// While it is away no read waits for it: they take other paths, and each that asks has the attempts go on. A first connection that takes
/// longer than a read's patience goes on without the read. While this side's own link is down nothing is tried: its return is an event.
final class RDMAPeer {
    let address: String
    private unowned let transport: RDMATransport
    private var connection: RDMAConnection?
    private var waiting: Deque<RDMARead> = []
    private var isAway = false
    private var isWanted = false
    private var backoff: Backoff
    private var attempt: LoopTimer?
    private var patience: LoopTimer?
    private var isClosed = false

    init(address: String, transport: RDMATransport) {
        self.address = address
        self.transport = transport
        backoff = Backoff(first: transport.limits.shortestReconnect, longest: transport.limits.longestReconnect)
    }

    /// Whether a read would be carried, or wait for a first connection.
    var canRead: Bool {
        if isAway { isWanted = true }
        return !isAway
    }

    var hasConnection: Bool { connection != nil }

    var isIdle: Bool { connection == nil && waiting.isEmpty && !isAway }

    func submit(_ read: RDMARead) {
        guard canRead else { return read.fail(.connectFailed("the last connection was lost; a new one is being tried")) }
        if let connection, connection.hasRoom, waiting.isEmpty { return connection.start(read) }
        // What was cancelled or ran out of time while waiting is still in the line.
        if waiting.count >= transport.limits.waitingPerPeer { waiting.removeAll(where: \.isEnded) }
        guard waiting.count < transport.limits.waitingPerPeer else { return read.fail(.tooManyWaiting(limit: waiting.count)) }
        waiting.append(read)
        if connection == nil { connect() }
        if connection?.isReady == false { watchPatience() }
    }

    /// Ends every read: with `.closed`, or as a path that broke when the device is switched off.
    func close(_ reason: TransferError.Reason) {
        isClosed = true
        attempt?.cancel()
        patience?.cancel()
        failWaiting(reason)
        guard let connection else { return transport.forget(self) }
        connection.close(reason)
    }

    /// The device lost its link: what is on its way is given up at once, instead of after all its repetitions.
    func linkWentDown() { connection?.close(.connectionLost("the link of \(transport.rail.name) went down")) }

    /// The device has its link again: no need to wait for the next attempt.
    func linkCameUp() {
        guard isAway, connection == nil else { return }
        backoff.succeeded()
        isWanted = true
        attempt?.cancel()
        connect()
    }

    // MARK: The connection's word

    func isReady(_ connection: RDMAConnection) {
        isAway = false
        backoff.succeeded()
        transport.onConnection(address, nil)
        hasRoom(connection)
    }

    func hasRoom(_ connection: RDMAConnection) {
        while connection.hasRoom, let read = waiting.popFirst() {
            if !read.isEnded { connection.start(read) }
        }
    }

    /// It takes no more reads. Those that it carries end when the device lets go of them.
    func isClosing(_ connection: RDMAConnection) {
        guard self.connection === connection else { return }
        isAway = true
    }

    func closed(_ connection: RDMAConnection, reason: TransferError.Reason) {
        guard self.connection === connection else { return }
        self.connection = nil
        failWaiting(reason)
        if isClosed { return transport.forget(self) }
        guard connection.endedWhileIdle else {
            if backoff.failures == 0 { transport.onConnection(address, reason) }
            return tryLater()
        }
        // Closed for want of use, or by a source that was: the next read makes a new one.
        isAway = false
        transport.forget(self)
    }

    private func failWaiting(_ reason: TransferError.Reason) {
        let reads = waiting
        waiting = []
        for read in reads { read.fail(reason) }
    }

    // MARK: Attempts

    private func tryLater() {
        isWanted = false
        attempt = transport.loop.schedule(after: backoff.next()) { [weak self] in self?.tryAgain() }
    }

    private func tryAgain() {
        guard !isClosed, transport.rail.isUp else { return }
        guard isWanted else {
            // Nobody asked since: the next read begins anew.
            isAway = false
            return transport.forget(self)
        }
        connect()
    }

    /// Reads wait for a connection so long and no longer.
    private func watchPatience() {
        guard patience == nil else { return }
        patience = transport.loop.schedule(after: transport.limits.connectPatience) { [weak self] in
            guard let self else { return }
            patience = nil
            guard let connection, !connection.isReady else { return }
            isAway = true
            isWanted = true
            failWaiting(.connectFailed("not connected within \(transport.limits.connectPatience)"))
        }
    }

    private func connect() {
        let connection = RDMAConnection(peer: self, transport: transport)
        self.connection = connection
        connection.connect()
    }
}
