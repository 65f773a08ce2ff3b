package import FluxonCore

/// Who is connected to this master, by connection. It grants nothing: rights are the routing table's.
package struct MemberDirectory: Sendable {
    package struct Entry: Hashable, Sendable {
        package var description: MemberDescription
        package var lastHeard: BootInstant
        package var isConnected: Bool
    }

    private var entries: [InstanceKey: Entry] = [:]
    private var connections: [ConnectionID: InstanceKey] = [:]

    package init() {}

    package var all: [Entry] { entries.values.sorted { $0.description.instanceKey < $1.description.instanceKey } }

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
        entries[member.instanceKey] = Entry(description: member, lastHeard: now, isConnected: true)
        connections[connection] = member.instanceKey
    }

    package mutating func heard(on connection: ConnectionID, now: BootInstant) {
        guard let name = connections[connection] else { return }
        entries[name]?.lastHeard = now
    }

    /// The link named the owner of this connection; true when that is news.
    package mutating func numbered(_ connection: ConnectionID, owner: OwnerID, generation: Generation) -> Bool {
        guard let name = connections[connection], var entry = entries[name] else { return false }
        guard entry.description.ownerNumber != UInt64(owner.number) || entry.description.generation != generation else { return false }
        entry.description.ownerNumber = UInt64(owner.number)
        entry.description.generation = generation
        entries[name] = entry
        return true
    }

    /// The connection is gone. An external is forgotten with it; an owner stays listed, for it may still hold copies.
    package mutating func left(_ connection: ConnectionID) {
        guard let name = connections.removeValue(forKey: connection), !connections.values.contains(name) else { return }
        if entries[name]?.description.role == .owner {
            entries[name]?.isConnected = false
        } else {
            entries[name] = nil
        }
    }
}
