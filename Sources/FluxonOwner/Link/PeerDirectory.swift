package import FluxonCore
package import FluxonTransfer

/// The owners of the cluster as the master's directory has them, and which of their processes are over. Rules only.
package struct PeerDirectory {
    /// By the numbers under which the master names holders.
    package private(set) var owners: [OwnerID: MemberDescription] = [:]
    /// Processes that are not known to be over.
    private var alive: Set<Asker> = []
    /// Those of them that the present list has named. Another list begins empty: who joins that master late is not gone.
    private var listed: Set<Asker> = []

    package init() {}

    /// Another connection to a master, this or the next one.
    package mutating func listBegins() { listed = [] }

    /// - Returns: The processes that are over by this list, each once: replaced by another of the same name, lost as the master sees it
    ///   (CONSISTENCY R4), or named by this list before and not now.
    package mutating func learn(_ answer: MembersAnswer) -> [Asker] {
        let members = answer.members.filter { $0.description.role == .owner }
        owners = [:]
        for member in members {
            guard let number = UInt32(exactly: member.description.ownerNumber), number > 0 else { continue }
            owners[OwnerID(number)] = member.description
        }
        let current = Set(members.filter { $0.state != "lost" }.compactMap { Asker(of: $0.description) })
        let lost = Set(members.filter { $0.state == "lost" }.compactMap { Asker(of: $0.description) })
        let names = Set(current.map(\.instance))
        let ended = alive.filter { asker in
            !current.contains(asker) && (names.contains(asker.instance) || listed.contains(asker) || lost.contains(asker))
        }
        alive = alive.subtracting(ended).union(current)
        listed.formUnion(current)
        return ended.sorted { $0.instance < $1.instance }
    }
}

extension Asker {
    /// The process that a member's description is of, under the name by which it asks for tickets. Nil: it has given none.
    package init?(of member: MemberDescription) {
        guard let life = UInt64(member.incarnation, radix: 16) else { return nil }
        self.init(instance: member.instanceKey, generation: Generation(life))
    }

    /// How a process describes its life to the master.
    package var incarnation: String { String(generation.number, radix: 16) }
}
