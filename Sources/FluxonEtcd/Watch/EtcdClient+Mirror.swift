private import FluxonCore
private import FluxonSystem

/// What a mirror of a key range tells, on the loop.
package enum EtcdMirrorEvent: Sendable {
    /// All there is, in the order of keys: forget what was told before.
    case snapshot([EtcdKeyValue], revision: Int64)
    /// What changed since, in order.
    case changes([EtcdEvent], revision: Int64)
}

extension EtcdClient {
    /// Tells what the keys hold, then every change, until the caller's task is cancelled. Goes on over interruptions; where changes in
    /// between are forgotten, or the server has another history, a new snapshot comes.
    ///
    /// - Throws: What will not pass by waiting: a refusal, a closed client, cancellation.
    package func mirror(
        _ keys: EtcdKeyRange, onEvent: @escaping @Sendable (EtcdMirrorEvent) -> Void
    ) async throws(EtcdError) {
        while true {
            let range = try await patiently { () async throws(EtcdError) in try await self.range(EtcdRange(keys)) }
            onEvent(.snapshot(range.keyValues, revision: range.revision))
            try await watchUntilCompacted(keys, from: WatchCursor.after(range.revision), onEvent: onEvent)
            // A member that lags behind the others needs a moment.
            do { try await loop.sleep(for: .milliseconds(20)) } catch { throw .cancelled }
        }
    }

    private func watchUntilCompacted(
        _ keys: EtcdKeyRange, from revision: Int64, onEvent: @escaping @Sendable (EtcdMirrorEvent) -> Void
    ) async throws(EtcdError) {
        let (ends, end) = AsyncStream.makeStream(of: EtcdError?.self)
        let watch = try watch(keys, from: revision) { event in
            switch event {
            case .started: break
            case .changes(let events, let revision): onEvent(.changes(events, revision: revision))
            case .compacted: end.yield(nil)
            case .failed(let error): end.yield(error)
            }
        }
        var outcome: EtcdError?? = .none
        for await ended in ends {
            outcome = ended
            break
        }
        cancel(watch)
        guard let outcome else { throw .cancelled }
        if let error = outcome { throw error }
    }

    /// Repeats `body` while etcd is away.
    func patiently<R: Sendable>(_ body: () async throws(EtcdError) -> R) async throws(EtcdError) -> R {
        while true {
            do { return try await body() } catch .unreachable {
                do { try await loop.sleep(for: .milliseconds(200)) } catch { throw .cancelled }
            }
        }
    }
}
