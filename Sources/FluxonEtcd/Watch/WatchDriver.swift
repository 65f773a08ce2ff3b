internal import FluxonCore
internal import FluxonRPC
internal import FluxonSystem
internal import SwiftProtobuf

/// What a watch tells, on the loop.
package enum EtcdWatchEvent: Sendable {
    /// The watch stands; what changes after `revision` will be told. Comes again after each interruption.
    case started(revision: Int64)
    /// Changes in their order, each once, through `revision`.
    case changes([EtcdEvent], revision: Int64)
    /// What comes next is forgotten, or the server has another history: read the keys again and watch from there. The last event.
    case compacted(revision: Int64)
    /// etcd does not allow this watch. The last event.
    case failed(EtcdError)
}

/// A watch that goes on over interruptions until it is cancelled or tells its last event.
package struct EtcdWatch: Hashable, Sendable {
    let number: UInt64
}

/// What the client keeps of one watch: the rules, the stream, the timer.
final class WatchDriver {
    let number: UInt64
    let onEvent: @Sendable (EtcdWatchEvent) -> Void
    var cursor: WatchCursor
    var stream: RPCStream?
    var timer: LoopTimer?
    /// Pauses before a stream is opened again.
    var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
    var hasUnansweredProbe = false
    /// Since a stream of this watch stood last.
    var hasTriedNewToken = false

    init(number: UInt64, cursor: WatchCursor, onEvent: @escaping @Sendable (EtcdWatchEvent) -> Void) {
        self.number = number
        self.cursor = cursor
        self.onEvent = onEvent
    }
}

extension EtcdClient {
    /// Watches keys from a revision on, over interruptions.
    ///
    /// - Parameters:
    ///   - revision: The first revision to tell; 0 = from now on. After a range: its revision + 1.
    ///   - onEvent: Called on the loop, in order.
    package func watch(
        _ keys: EtcdKeyRange, from revision: Int64 = 0, previous: Bool = false, onEvent: @escaping @Sendable (EtcdWatchEvent) -> Void
    ) throws(EtcdError) -> EtcdWatch {
        guard !isClosed else { throw .closed }
        lastWatch += 1
        let driver = WatchDriver(
            number: lastWatch, cursor: WatchCursor(keys: keys, from: revision, wantsPrevious: previous), onEvent: onEvent)
        watches[driver.number] = driver
        open(driver)
        return EtcdWatch(number: driver.number)
    }

    /// Ends the watch: no event comes after this returned.
    package func cancel(_ watch: EtcdWatch) {
        if let driver = watches[watch.number] { end(driver) }
    }

    private func isLive(_ driver: WatchDriver) -> Bool { watches[driver.number] === driver }

    private func open(_ driver: WatchDriver) {
        guard isLive(driver), let endpoint = try? currentEndpoint() else { return }
        withToken(at: endpoint, timeout: options.attemptTimeout) { failure in
            guard self.isLive(driver) else { return }
            if failure != nil { return self.reopenLater(driver, leaving: endpoint) }
            self.start(driver, at: endpoint)
        }
    }

    private func start(_ driver: WatchDriver, at endpoint: EtcdEndpoint) {
        guard let request: [UInt8] = try? driver.cursor.request().serializedBytes() else { return }
        let stream = endpoint.open(EtcdMethod.watch, token: token, timeout: nil)
        driver.stream = stream
        stream.onMessage = { [weak stream] message in
            guard driver.stream === stream, self.isLive(driver) else { return }
            self.received(message, by: driver, from: endpoint)
        }
        stream.onEnd = { [weak stream] _ in
            guard driver.stream === stream, self.isLive(driver) else { return }
            self.reopenLater(driver, leaving: endpoint)
        }
        stream.send(request)
        armProbe(driver, at: endpoint)
    }

    private func received(_ message: [UInt8], by driver: WatchDriver, from endpoint: EtcdEndpoint) {
        guard let response = try? WireWatchResponse(serializedBytes: message) else { return reopenLater(driver, leaving: endpoint) }
        driver.hasUnansweredProbe = false
        armProbe(driver, at: endpoint)
        switch driver.cursor.received(response) {
        case .none: break
        case .started(let revision):
            driver.backoff.succeeded()
            driver.hasTriedNewToken = false
            driver.onEvent(.started(revision: revision))
        case .events(let events, let revision): driver.onEvent(.changes(events, revision: revision))
        case .compacted(let revision):
            end(driver)
            driver.onEvent(.compacted(revision: revision))
        case .lost: reopenLater(driver, leaving: endpoint)
        case .denied(let reason):
            // An old token and a missing right look the same here.
            if options.credentials != nil, !driver.hasTriedNewToken {
                driver.hasTriedNewToken = true
                token = nil
                return reopenLater(driver, leaving: nil)
            }
            end(driver)
            let isRight = reason.contains(EtcdFault.permissionDenied.rawValue)
            driver.onEvent(
                .failed(
                    isRight
                        ? .refused(.permissionDenied, method: EtcdMethod.watch, endpoint: endpoint.name)
                        : .status(code: 7, message: reason, method: EtcdMethod.watch, endpoint: endpoint.name)))
        }
    }

    /// A watch may be silent for hours: so it asks, and one that gives no answer is opened elsewhere.
    private func armProbe(_ driver: WatchDriver, at endpoint: EtcdEndpoint) {
        driver.timer?.cancel()
        driver.timer = loop.schedule(after: options.watchProbeInterval) {
            guard self.isLive(driver) else { return }
            if driver.hasUnansweredProbe { return self.reopenLater(driver, leaving: endpoint) }
            driver.hasUnansweredProbe = true
            var request = WireWatchRequest()
            request.progressRequest = WireWatchProgressRequest()
            if let message: [UInt8] = try? request.serializedBytes() { driver.stream?.send(message) }
            self.armProbe(driver, at: endpoint)
        }
    }

    private func reopenLater(_ driver: WatchDriver, leaving endpoint: EtcdEndpoint?) {
        if let endpoint { leave(endpoint) }
        let stream = driver.stream
        driver.stream = nil
        stream?.cancel()
        driver.hasUnansweredProbe = false
        driver.timer?.cancel()
        driver.timer = loop.schedule(after: driver.backoff.next()) { self.open(driver) }
    }

    private func end(_ driver: WatchDriver) {
        watches[driver.number] = nil
        driver.timer?.cancel()
        let stream = driver.stream
        driver.stream = nil
        stream?.cancel()
    }
}
