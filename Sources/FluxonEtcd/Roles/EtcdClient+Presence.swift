package import FluxonCore
internal import FluxonSystem

/// A leadership that was won.
package struct Leadership: Hashable, Sendable {
    package let term: UInt64
    /// What the leader wrote under its key: guards all that it writes.
    package let value: [UInt8]
    /// The terms that etcd knew at the election, this one the last.
    package let history: TermHistory
    package let lease: EtcdLease
    /// When the transaction that won, or proved it, was sent: authority counts from here (CONSISTENCY G1).
    package let sent: BootInstant
}

extension EtcdClient {
    /// Keeps a key with a value under a lease until the caller's task is cancelled; then the key goes. Writes it again when the lease is
    /// lost, for example because the process was stopped for longer than it lasts.
    ///
    /// - Parameter onPut: Called on the loop after each time that the key was written.
    /// - Throws: What will not pass by waiting; `.cancelled` at the end.
    package func keepPresent(
        _ key: String, _ value: [UInt8], ttl: Duration, onPut: @escaping @Sendable () -> Void = {}
    ) async throws(EtcdError) {
        while true {
            let (losses, loss) = AsyncStream.makeStream(of: Void.self)
            let lease = try await patiently { () async throws(EtcdError) in
                try await self.grantLease(ttl: ttl) { loss.yield() }
            }
            do throws(EtcdError) {
                try await putUnder(lease, key, value)
                onPut()
            } catch  where error.fault == .leaseNotFound {
                letGo(lease.id)
                continue
            } catch {
                // It may be written, and a lease that is kept alive would keep it.
                await withdraw(lease)
                throw error
            }
            var isLost = false
            for await _ in losses {
                isLost = true
                break
            }
            guard !isLost else { continue }
            await withdraw(lease)
            throw .cancelled
        }
    }

    /// Waits until this candidate leads.
    ///
    /// - Parameters:
    ///   - line: What others find under the leader key, beside the term.
    ///   - ttl: Of the leader key's lease: how long after a leader's death another election starts.
    ///   - onLost: As of `grantLease`, for the lease that won; not for those lost while waiting.
    ///   - onLeader: Called on the loop with each other leader that is found.
    /// - Throws: What `patience` ends at, or `.cancelled`.
    package func campaign(
        _ election: LeaderElection, line: AttributeLine, ttl: Duration, patience: EtcdPatience = .untilRefused,
        onLost: @escaping @Sendable () -> Void, onLeader: @escaping @Sendable (EtcdKeyValue) -> Void = { _ in }
    ) async throws(EtcdError) -> Leadership {
        while true {
            let lease = try await patiently(patience) { () async throws(EtcdError) in try await self.grantLease(ttl: ttl, onLost: {}) }
            do throws(EtcdError) {
                let leadership = try await campaign(election, line: line, lease: lease, patience: patience, onLeader: onLeader)
                onLoss(of: lease.id, onLost)
                return leadership
            } catch  where error.fault == .leaseNotFound {
                letGo(lease.id)
            } catch {
                await withdraw(lease)
                throw error
            }
        }
    }

    private func campaign(
        _ election: LeaderElection, line: AttributeLine, lease: EtcdLease, patience: EtcdPatience,
        onLeader: @escaping @Sendable (EtcdKeyValue) -> Void
    ) async throws(EtcdError) -> Leadership {
        while true {
            let (ballot, sent, result) = try await patiently(patience) { () async throws(EtcdError) in
                let ballot = election.ballot(
                    after: try await self.transaction(election.reading), line: line, random: .random(in: 0 ... .max))
                let sent = self.loop.now
                do throws(EtcdError) {
                    let result = try await self.transaction(election.campaign(ballot, lease: lease.id))
                    return (ballot, sent, result as EtcdTransactionResult?)
                } catch  where error.mayHaveTakenEffect && !Task.isCancelled {
                    // Ask again: the own lease on the key tells.
                    return (ballot, sent, nil)
                }
            }
            guard let result, let outcome = election.outcome(of: result, ballot: ballot, lease: lease.id) else { continue }
            switch outcome {
            case .elected(let term, let value, let history):
                return Leadership(term: term, value: value, history: history, lease: lease, sent: sent)
            case .overtaken: continue
            case .held(let leader, let revision):
                onLeader(leader)
                do throws(EtcdError) { try await waitForDeletion(of: election.key, after: revision) } catch {
                    guard waits(patience, error) else { throw error }
                    do { try await loop.sleep(for: .seconds(1)) } catch { throw .cancelled }
                }
            }
        }
    }

    private func waitForDeletion(of key: String, after revision: Int64) async throws(EtcdError) {
        let (ends, end) = AsyncStream.makeStream(of: EtcdError?.self)
        let watch = try watch(.key(key), from: WatchCursor.after(revision)) { event in
            switch event {
            case .started: break
            case .changes(let events, _): if events.contains(where: { $0.kind == .delete }) { end.yield(nil) }
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

    /// A put of the same value twice is one put.
    private func putUnder(_ lease: EtcdLease, _ key: String, _ value: [UInt8]) async throws(EtcdError) {
        while true {
            do throws(EtcdError) {
                _ = try await patiently { () async throws(EtcdError) in try await self.put(key, value, lease: lease.id).revision }
                return
            } catch .unknownOutcome {}
        }
    }

    /// Ends the lease at once if etcd can be reached, else it runs out. Also for a caller that is cancelled.
    private func withdraw(_ lease: EtcdLease) async {
        letGo(lease.id)
        let revocation = Task(executorPreference: loop.taskExecutor) {
            try? await self.revoke(lease.id, timeout: .seconds(1))
        }
        await revocation.value
    }
}
