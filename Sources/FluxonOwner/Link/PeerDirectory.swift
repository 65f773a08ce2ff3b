package import FluxonCore
package import FluxonTransfer

/// The owners of the cluster as the master's directory has them, and which of their processes are over. Rules only.
///
///     list begins ──pages──▶ (what was known before still holds) ──page that ends──▶ list in force ──changes──▶ list in force
package struct PeerDirectory {
    /// By the numbers under which the master names holders.
    package private(set) var owners: [OwnerID: MemberDescription] = [:]
    /// What the directory says of each name.
    private var members: [InstanceKey: MemberDescription] = [:]
    /// A whole list of which pages are missing.
    private var incoming: [InstanceKey: MemberDescription]?
    /// Processes that are not known to be over.
    private var alive: [InstanceKey: Asker] = [:]
    /// Those of them that the present connection's pages have named. Another connection begins empty: who joins that master late is not
    /// gone.
    private var listed: [InstanceKey: Asker] = [:]

    package init() {}

    /// Another connection to a master, this or the next one.
    package mutating func listBegins() {
        listed = [:]
        incoming = nil
    }

    /// - Returns: The processes that are over by this page, each once: replaced by another of the same name, lost as the master sees it
    ///   (CONSISTENCY R4), or named on this connection before and not among the owners now.
    package mutating func learn(_ page: DirectoryPage) -> [Asker] {
        if page.begins { incoming = [:] }
        var ended: [Asker] = []
        for name in page.gone { remove(name, &ended) }
        for member in page.owners where member.description.role == .owner { learn(member, &ended) }
        if page.ends, let whole = incoming.take() {
            for name in listed.keys where whole[name] == nil { remove(name, &ended) }
            for name in Array(members.keys) where whole[name] == nil { remove(name, &ended) }
        }
        return ended.sorted { $0.instance < $1.instance }
    }

    private mutating func learn(_ member: MembersAnswer.Member, _ ended: inout [Asker]) {
        let description = member.description
        let name = description.instanceKey
        unlist(name)
        members[name] = description
        if incoming != nil { incoming?[name] = description }
        if let number = UInt32(exactly: description.ownerNumber), number > 0 { owners[OwnerID(number)] = description }
        guard let asker = Asker(of: description) else { return }
        let former = alive[name]
        if member.state == "lost" {
            guard let former, former == asker || listed[name] == former else { return }
            end(former, &ended)
        } else {
            if let former, former != asker { end(former, &ended) }
            alive[name] = asker
            listed[name] = asker
        }
    }

    /// Its number may be another's by now: what the directory says of that one stays.
    private mutating func unlist(_ name: InstanceKey) {
        guard let former = members.removeValue(forKey: name), let number = UInt32(exactly: former.ownerNumber) else { return }
        if owners[OwnerID(number)]?.instanceKey == name { owners[OwnerID(number)] = nil }
    }

    private mutating func remove(_ name: InstanceKey, _ ended: inout [Asker]) {
        unlist(name)
        if let asker = listed[name], alive[name] == asker { end(asker, &ended) }
    }

    private mutating func end(_ asker: Asker, _ ended: inout [Asker]) {
        alive[asker.instance] = nil
        listed[asker.instance] = nil
        ended.append(asker)
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
