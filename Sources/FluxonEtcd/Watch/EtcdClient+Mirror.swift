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
    /// - Throws: What `patience` ends at, a closed client, cancellation.
    package func mirror(
        _ keys: EtcdKeyRange, patience: EtcdPatience = .untilRefused, onEvent: @escaping @Sendable (EtcdMirrorEvent) -> Void
    ) async throws(EtcdError) {
        var backoff = Backoff(first: .milliseconds(20), longest: .seconds(2))
        while true {
            let range = try await patiently(patience) { () async throws(EtcdError) in try await self.range(EtcdRange(keys)) }
            onEvent(.snapshot(range.keyValues, revision: range.revision))
            do throws(EtcdError) {
                try await watchUntilCompacted(keys, from: WatchCursor.after(range.revision), onEvent: onEvent)
                backoff.succeeded()
            } catch {
                guard waits(patience, error) else { throw error }
            }
            // A member that lags behind the others needs a moment.
            do { try await loop.sleep(for: backoff.next()) } catch { throw .cancelled }
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

    /// Repeats `body` while etcd does not serve it, with growing pauses. An unknown outcome and a lease that is gone are the caller's.
    func patiently<R: Sendable>(
        _ patience: EtcdPatience = .untilRefused, _ body: () async throws(EtcdError) -> R
    ) async throws(EtcdError) -> R {
        var backoff = Backoff(first: .milliseconds(200), longest: .seconds(5))
        while true {
            do {
                let result = try await body()
                patience.onServed()
                return result
            } catch {
                guard waits(patience, error) else { throw error }
                do { try await loop.sleep(for: backoff.next()) } catch { throw .cancelled }
            }
        }
    }

    /// One that only reads, waited for.
    package func reading(_ transaction: EtcdTransaction, patience: EtcdPatience) async throws(EtcdError) -> EtcdTransactionResult {
        try await patiently(patience) { () async throws(EtcdError) in try await self.transaction(transaction) }
    }

    /// Tells of a failure that is to be waited out; false: it is not.
    func waits(_ patience: EtcdPatience, _ error: EtcdError) -> Bool {
        switch error {
        case .closed, .cancelled, .unknownOutcome: return false
        case .refused(.leaseNotFound, _, _): return false
        case .refused, .badOptions, .status, .unreachable, .malformedAnswer: break
        }
        guard !(error.isFinal && patience.endsAt(error)) else { return false }
        patience.onTrouble(error)
        return true
    }
}
