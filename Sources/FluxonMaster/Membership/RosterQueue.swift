internal import Synchronization

/// Roster entries that wait to be written: all that come while one transaction is under way share the next.
package final class RosterQueue: Sendable {
    private let waiting = Mutex<[RosterWrite]>([])
    private let news: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    package init() { (news, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    package func add(_ write: RosterWrite) {
        waiting.withLock { $0.append(write) }
        signal.yield()
    }

    /// Writes what comes, in the order in which it came, until `write` says that the term is over, or the task is cancelled.
    ///
    /// - Parameter limit: Entries of one transaction. A change that takes another's number touches two.
    package func drain(upTo limit: Int, _ write: ([RosterWrite]) async -> Bool) async {
        for await _ in news {
            while let batch = take(limit) {
                guard await write(batch) else { return }
            }
        }
    }

    private func take(_ limit: Int) -> [RosterWrite]? {
        waiting.withLock { waiting in
            guard !waiting.isEmpty else { return nil }
            var entries = 0
            let batch = Array(
                waiting.prefix { write in
                    entries += write.names.count
                    return entries <= limit
                })
            waiting.removeFirst(batch.count)
            return batch
        }
    }
}
