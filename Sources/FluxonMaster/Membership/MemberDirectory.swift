package import FluxonCore

/// Who is connected to this master, by connection, and what of that has changed since it was told last. It grants nothing: rights are the
/// routing table's.
package struct MemberDirectory: Sendable {
    package struct Entry: Hashable, Sendable {
        package var description: MemberDescription
        package var lastHeard: BootInstant
        package var isConnected: Bool
        /// The last one that it joined on.
        fileprivate var connection: ConnectionID
    }

    /// What has changed, by name; an owner that is gone has left the roster.
    package struct Changes: Sendable {
        package var present: [Entry] = []
        package var goneOwners: [InstanceKey] = []
        package var goneOthers: [InstanceKey] = []
    }

    private var entries: [InstanceKey: Entry] = [:]
    private var connections: [ConnectionID: InstanceKey] = [:]
    /// In order, made when they are asked for.
    private var names: [InstanceKey]?
    private var changed: Set<InstanceKey> = []
    private var gone: [InstanceKey: MemberDescription.Role] = [:]
    /// Counts what `takeChanges` has given.
    package private(set) var revision: UInt64 = 0

    package init() {}

    package var count: Int { entries.count }
    package var owners: [Entry] { entries.values.filter { $0.description.role == .owner } }

    /// Up to `limit` members behind `name`, in the order of their names, and whether there are more.
    package mutating func page(after name: InstanceKey, limit: Int) -> (entries: [Entry], hasMore: Bool) {
        let names = names ?? entries.keys.sorted()
        self.names = names
        let rest = names[(names.firstIndex { $0 > name } ?? names.endIndex)...]
        return (rest.prefix(limit).compactMap { entries[$0] }, rest.count > limit)
    }

    /// Something about it is not what it was: its state in the roster.
    package mutating func touch(_ name: InstanceKey) { if entries[name] != nil { changed.insert(name) } }

    /// - Returns: What is new since the last call; nil: nothing.
    package mutating func takeChanges() -> Changes? {
        guard !changed.isEmpty || !gone.isEmpty else { return nil }
        var changes = Changes()
        changes.present = changed.sorted().compactMap { entries[$0] }
        for (name, role) in gone.sorted(by: { $0.key < $1.key }) {
            if role == .owner { changes.goneOwners.append(name) } else { changes.goneOthers.append(name) }
        }
        changed = []
        gone = [:]
        revision += 1
        return changes
    }

    /// Whether one more would be too many.
    package func isFull(for member: MemberDescription) -> Bool {
        entries.count >= Limits.members && entries[member.instanceKey] == nil
    }

    /// Whether a *connected* member of another process has the name. An owner that has been silent for longer than its heartbeats
    /// take may be dead with its machine: then the newcomer goes on to the roster, which decides (CONSISTENCY R1).
    package func isTaken(_ member: MemberDescription, now: BootInstant) -> Bool {
        guard let entry = entries[member.instanceKey], entry.isConnected else { return false }
        if entry.description.role == .owner, now.since(entry.lastHeard) > Self.heartbeatPatience { return false }
        return entry.description.incarnation != member.incarnation || entry.description.role != member.role
    }

    private static let heartbeatPatience = Duration.seconds(3)

    /// Whether this very process has joined before.
    package func knows(_ member: MemberDescription) -> Bool {
        entries[member.instanceKey]?.description.incarnation == member.incarnation
    }

    package mutating func joined(_ member: MemberDescription, on connection: ConnectionID, now: BootInstant) {
        if entries[member.instanceKey] == nil { names = nil }
        entries[member.instanceKey] = Entry(description: member, lastHeard: now, isConnected: true, connection: connection)
        connections[connection] = member.instanceKey
        gone[member.instanceKey] = nil
        changed.insert(member.instanceKey)
    }

    package mutating func heard(on connection: ConnectionID, now: BootInstant) {
        guard let name = connections[connection] else { return }
        entries[name]?.lastHeard = now
    }

    /// The link named the owner of this connection.
    package mutating func numbered(_ connection: ConnectionID, owner: OwnerID, generation: Generation) {
        guard let name = connections[connection], var entry = entries[name] else { return }
        guard entry.description.ownerNumber != UInt64(owner.number) || entry.description.generation != generation else { return }
        entry.description.ownerNumber = UInt64(owner.number)
        entry.description.generation = generation
        entries[name] = entry
        changed.insert(name)
    }

    /// The connection is gone. An external is forgotten with it; an owner that is expected back stays listed: it may still hold copies.
    package mutating func left(_ connection: ConnectionID, isExpected: (InstanceKey) -> Bool) {
        guard let name = connections.removeValue(forKey: connection), entries[name]?.connection == connection else { return }
        guard entries[name]?.description.role == .owner, isExpected(name) else { return forget(name) }
        entries[name]?.isConnected = false
        changed.insert(name)
    }

    /// The roster has this owner no more, or it has knocked in vain for too long.
    package mutating func givenUp(_ name: InstanceKey) {
        if entries[name]?.isConnected == false { forget(name) }
    }

    private mutating func forget(_ name: InstanceKey) {
        guard let entry = entries.removeValue(forKey: name) else { return }
        names = nil
        changed.remove(name)
        gone[name] = entry.description.role
    }
}
