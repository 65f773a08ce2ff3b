import FluxonCore

// What holds between any two events, whatever the master sends: asked by fuzzing and by tests.
extension ReplicaTable {
    /// The first thing that contradicts another; nil when all agrees. O(everything).
    package var inconsistency: String? { inconsistentFetch ?? inconsistentCommit ?? inconsistentGet }

    /// References on extents that are the table's own, by extent: those of parked copies and of commits. Published copies have the store's.
    package var heldReferences: [Extent: Int] {
        var held: [Extent: Int] = [:]
        for state in keys.values {
            if let parked = state.parked { held[parked.copy.extent, default: 0] += 1 }
            for request in [state.commit?.request].compactMap({ $0 }) + state.queued {
                if let value = request.value { held[value.extent, default: 0] += 1 }
            }
        }
        return held
    }

    /// Gets and commits that are not answered.
    package var unansweredCount: Int { waiters.count + unansweredCommits }

    /// Keys for which something goes on or waits.
    package var busyKeyCount: Int { keys.count }

    private var inconsistentFetch: String? {
        for (id, key) in fetchKeys {
            guard let state = keys[key] else { return "\(id) is a fetch of \(key), of which nothing is known" }
            if !fetches(of: state).contains(id) { return "\(id) is no fetch of \(key)" }
        }
        for state in keys.values {
            for id in fetches(of: state) where fetchKeys[id] != state.key { return "\(id) of \(state.key) is not in the books" }
        }
        guard session != nil else { return nil }
        let asked = keys.values.reduce(0) { count, state in
            count + (state.detached + [state.fetch].compactMap { $0 }).count { $0.stage == .asked } + state.metadata.count { $0.isSent }
        }
        return asked == lookupsSent ? nil : "\(asked) lookups are out, and \(lookupsSent) are counted"
    }

    private func fetches(of state: ReplicaKeyState<Extent>) -> [FetchID] {
        [state.fetch?.id].compactMap { $0 } + state.detached.map(\.id) + state.metadata.map(\.id)
    }

    private var inconsistentCommit: String? {
        for (operation, state) in inFlight where state.commit?.operation != operation || keys[state.key] !== state {
            return "operation \(operation) is not the one of \(state.key)"
        }
        var unanswered = 0
        for (key, state) in keys {
            if state.key != key || state.isIdle { return "\(key) has a state in which nothing goes on" }
            unanswered += state.queued.count
            if let commit = state.commit {
                if inFlight[commit.operation] !== state { return "operation \(commit.operation) of \(key) is not in flight" }
                if !commit.isAnswered { unanswered += 1 }
                if store.find(key) != nil { return "\(key) is published while a commit of it is in flight (C2)" }
                if state.fetch != nil { return "\(key) is fetched while a commit of it is in flight (C2)" }
            } else if !state.queued.isEmpty, !unstarted.contains(key) {
                return "nothing will start the commits of \(key)"
            }
        }
        return unanswered == unansweredCommits ? nil : "\(unanswered) commits are unanswered, and \(unansweredCommits) are counted"
    }

    /// A get that no list names would be told of its deadline alone.
    private var inconsistentGet: String? {
        for (id, request) in waiters {
            guard let state = keys[request.key] else { return "\(id) waits for \(request.key), of which nothing is known" }
            let fetches = [state.fetch].compactMap { $0 } + state.detached
            let isListed =
                state.gated.contains(id) || fetches.contains { $0.early.contains(id) || $0.late.contains(id) }
                || state.metadata.contains { $0.waiters.contains(id) }
            if !isListed { return "\(id) waits for \(request.key) in no list" }
        }
        return nil
    }
}
