import FluxonCore

// What a process is told about a call that failed here: what was waited for, on whom, and what to do. The process adds the key.
extension ReplicaDriver {
    private var name: String { "the owner \(table.configuration.instance)" }

    /// A get, `exists` or `size`.
    func failure(_ code: FluxonError.Code, getting key: Key) -> FluxonError {
        switch code {
        case .notCurrent:
            return FluxonError(
                code,
                "\(name) lost its validity and did not get it back before the deadline: \(whyNotCurrent()); see `fluxon status`, or "
                    + "read with consistency .local")
        case .unavailable:
            guard let holders = withoutValue[key] else {
                return FluxonError(
                    code,
                    "no master has told \(name) where the value is before the deadline: an owner that may have it is silent; see "
                        + "`fluxon members`")
            }
            return FluxonError(code, "no owner that has the value gave it to \(name) before the deadline: \(holders); see `fluxon members`")
        case .deadlineExceeded:
            guard let holders = fetching[key] else {
                return FluxonError(code, "a put or remove of the key at \(name) has no outcome yet, and its gets wait for that")
            }
            let names = holders.map(describeOwner).joined(separator: ", ")
            return FluxonError(code, "the value did not come to \(name) before the deadline from \(names); see `fluxon members`")
        case .poolExhausted:
            return FluxonError(
                code,
                "no room in this owner's pool for the value, which another owner has: its own values and pinned ones fill it; "
                    + "remove values, let go of held ones, or raise contribute_to_cluster_pool_size")
        default: return FluxonError(code, "the get failed at \(name)")
        }
    }

    /// A put or remove.
    func failedCommit(_ code: FluxonError.Code) -> FluxonError {
        let why = isValid ? "" : " (\(whyNotCurrent()))"
        switch code {
        case .unknownOutcome:
            return FluxonError(
                code, "\(name) sent it to the master and no answer came before the deadline\(why): it may or may not take effect")
        case .deadlineExceeded:
            let waited =
                table.isLinked ? "an earlier operation on the key, or this owner's report to a new master, goes first" : whyNotCurrent()
            return FluxonError(code, "\(name) sent it to no master before the deadline: \(waited); see `fluxon status`")
        default: return FluxonError(code, "the operation failed at \(name)")
        }
    }
}
