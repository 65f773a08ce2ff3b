import FluxonCore

// What holds between any two events, whatever the owners send: asked by fuzzing and by tests.
extension RoutingTable {
    /// The first thing that contradicts another; nil when all agrees. O(everything).
    package var inconsistency: String? {
        inconsistentConnection ?? inconsistentOperation ?? inconsistentConfirmation ?? inconsistentHolders ?? inconsistentSweep
    }

    /// Keys with an operation that is not exposed yet. None may be left once everybody is gone.
    package var runningOperationCount: Int { activities.values.count { $0.operation != nil } }

    private var inconsistentConnection: String? {
        for (connection, id) in connections where !isKnown(id) { return "\(connection) belongs to \(id), whom nobody knows" }
        for owner in owners {
            if let connection = owner.session?.connection, connections[connection] != owner.id {
                return "the session of \(owner.id) is on \(connection), which belongs to \(String(describing: connections[connection]))"
            }
            if owner.entry == nil, !owner.isWriting { return "\(owner.id) waits for a roster entry that nobody writes" }
        }
        for (instance, id) in ownersByInstance where !isKnown(id) || owners[id.place].instance != instance {
            return "\(instance) is not \(id)"
        }
        return nil
    }

    /// An operation of a key is an operation of its owner, or the outcome would reach nobody.
    private var inconsistentOperation: String? {
        for (key, activity) in activities {
            if activity.isIdle { return "\(key) has an activity in which nothing goes on" }
            guard let operation = activity.operation else { continue }
            if operation.isPrepared, operation.awaited.isEmpty { return "\(key): \(operation.name) waits for nobody and is not completed" }
            guard let reference = operation.reference else {
                if !operation.isPrepared { return "\(key): \(operation.name) is completed and goes on" }
                continue
            }
            guard isKnown(reference.owner) else { return "\(key): \(reference) has no owner" }
            guard let known = owners[reference.owner.place].operations[reference.number], known.key == key else {
                return "\(key): \(reference) is not among its owner's operations"
            }
            if (known.outcome == nil) != operation.isPrepared { return "\(key): \(reference) is completed on one side only" }
        }
        return nil
    }

    /// Whom an operation waits for is asked, and who is asked is waited for.
    private var inconsistentConfirmation: String? {
        for (key, activity) in activities {
            guard let operation = activity.operation else { continue }
            for id in Set(operation.awaited) {
                let wanted = operation.awaited.count { $0 == id }
                let asked = owners[id.place].awaited.count { $0.key == key && $0.operation == operation.name }
                if wanted != asked {
                    return "\(key): \(operation.name) waits \(wanted) times for \(id), which was asked \(asked) times"
                }
            }
        }
        return nil
    }

    /// Who is being taken out of holder sets is worked on, once.
    private var inconsistentSweep: String? {
        let swept = Set(owners.filter { $0.sweep != nil }.map(\.id))
        return swept == Set(sweeping) && swept.count == sweeping.count ? nil : "\(swept) have a sweep, and worked on are \(sweeping)"
    }

    private var inconsistentHolders: String? {
        for key in records.keys() {
            guard let record = records[key] else { return "\(key) is listed and not found" }
            let holders = holderLists.owners(of: record.holders)
            for id in holders where !isKnown(id) { return "\(key) is held by \(id), whom nobody knows" }
            if record.version.term == term, record.version.sequence > sequence {
                return "\(key) has version \(record.version) of the future"
            }
            if holders.isEmpty, activities[key]?.operation == nil { return "\(key) has neither a holder nor an operation" }
        }
        return nil
    }
}
