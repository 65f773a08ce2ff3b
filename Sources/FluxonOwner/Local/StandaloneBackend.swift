import FluxonCore
package import FluxonPool
package import FluxonSystem

/// An owner without a cluster: commits are ordered here, what is not in the pool does not exist, and the pool is always current.
/// For tests and measurements of the path between a process and its owner.
package final class StandaloneBackend: LocalBackend {
    private let pool: Pool
    private let loop: EventLoop
    private var sequence: UInt64 = 0
    private var waiting: [() -> Void] = []
    /// While set, commits and lookups wait: for tests of deadlines and deaths in between.
    package var isHeld = false {
        didSet { if !isHeld { release() } }
    }
    package var heldCount: Int { waiting.count }
    package private(set) var cancelledLookups: [UInt64] = []

    package init(pool: Pool, loop: EventLoop) {
        self.pool = pool
        self.loop = loop
        renew()
    }

    /// Nobody else could overwrite anything: validity for ten years.
    package func renew() { pool.setDeadline(loop.now.advanced(by: .seconds(10 * 365 * 86400))) }

    package func commit(_ commit: LocalCommit, answer: @escaping (LocalResult) -> Void) {
        perform { answer(self.apply(commit)) }
    }

    package func look(_ lookup: LocalLookup, answer: @escaping (LocalFinding) -> Void) {
        perform {
            guard let copy = self.pool.find(lookup.key) else { return answer(.absent) }
            switch lookup.wish {
            case .bytes: answer(.found(copy))
            case .description: answer(.described(length: copy.length, version: copy.version))
            }
        }
    }

    package func cancelLookup(_ number: UInt64) { cancelledLookups.append(number) }

    package func evict(_ copy: Copy) -> Bool {
        guard let copy = pool.retire(copy.entry) else { return false }
        _ = try? pool.release(copy.extent)
        return true
    }

    private func perform(_ body: @escaping () -> Void) {
        if isHeld { waiting.append(body) } else { body() }
    }

    private func release() {
        let bodies = waiting
        waiting = []
        for body in bodies { body() }
    }

    private func apply(_ commit: LocalCommit) -> LocalResult {
        let present = pool.find(commit.key)
        guard Self.holds(commit.condition, present) else {
            discard(commit)
            return .conditionFailed(present?.version)
        }
        if let present, let retired = pool.retire(present.entry) { _ = try? pool.release(retired.extent) }
        pool.makeRetirementsVisible()
        sequence += 1
        let version = Version(term: 1, sequence: sequence)
        if case .put(let extent, let length) = commit.operation {
            pool.makeRoomForEntry(keyByteCount: commit.key.bytes.count) { evict($0) }
            do {
                _ = try pool.publish(commit.key, extent: extent, length: length, version: version)
            } catch {
                discard(commit)
                return .failed(code: FluxonError.Code.poolExhausted.rawValue, message: "\(error)")
            }
        }
        if pool.retiredCount >= 64 { pool.collect() }
        pool.turnEnded()
        return .committed(version)
    }

    private func discard(_ commit: LocalCommit) {
        if case .put(let extent, _) = commit.operation { _ = try? pool.release(extent) }
    }

    private static func holds(_ condition: CommitCondition, _ present: Copy?) -> Bool {
        switch condition {
        case .none: true
        case .absent: present == nil
        case .present: present != nil
        case .version(let version): present?.version == version
        }
    }
}
