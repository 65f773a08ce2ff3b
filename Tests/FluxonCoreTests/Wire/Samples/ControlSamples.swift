import FluxonCore

extension MemberDescription {
    static func sample(_ chance: inout WireChance) -> MemberDescription {
        var member = MemberDescription(role: Role.allCases[chance.index(below: Role.allCases.count)], instanceKey: chance.name())
        (member.generation, member.incarnation) = (Generation(chance.number()), chance.text(limit: Limits.nameBytes))
        (member.address, member.bulkAddress) = (chance.text(limit: Limits.nameBytes), chance.text(limit: Limits.nameBytes))
        (member.socket, member.host) = (chance.text(limit: Limits.nameBytes), chance.text(limit: Limits.nameBytes))
        (member.processID, member.poolBytes, member.ownerNumber) = (chance.number(), chance.number(), chance.number())
        member.subCluster = chance.text(limit: Limits.nameBytes)
        return member
    }
}

extension MembersAnswer.Member {
    static func sample(_ chance: inout WireChance) -> MembersAnswer.Member {
        MembersAnswer.Member(
            description: .sample(&chance), state: chance.text(limit: Limits.nameBytes), silentMilliseconds: chance.number(),
            stateMilliseconds: chance.number())
    }
}

extension JoinRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> JoinRequest {
        var request = JoinRequest(clusterName: chance.text(limit: Limits.nameBytes), member: .sample(&chance))
        request.protocolVersion = chance.index(below: 1000)
        return request
    }
}

extension JoinAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> JoinAnswer {
        var answer = JoinAnswer(term: max(1, chance.number()))
        answer.protocolVersion = chance.index(below: 1000)
        return answer
    }
}

extension MembersRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> MembersRequest { MembersRequest(after: chance.name()) }
}

extension MembersAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> MembersAnswer {
        MembersAnswer(
            clusterName: chance.text(limit: Limits.nameBytes), term: chance.number(),
            members: chance.list(limit: Limits.membersPage) { .sample(&$0) }, hasMore: chance.chance())
    }
}

extension DirectoryPage: WireMessage {
    static func sample(_ chance: inout WireChance) -> DirectoryPage {
        DirectoryPage(
            term: max(1, chance.number()), revision: chance.number(), begins: chance.chance(), ends: chance.chance(),
            owners: chance.list(limit: Limits.directoryPage) { .sample(&$0) }, gone: chance.list(limit: Limits.directoryPage) { $0.name() })
    }
}

extension KeysRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> KeysRequest {
        KeysRequest(prefix: chance.chance() ? [] : chance.key().bytes, position: chance.number())
    }
}

extension KeysAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> KeysAnswer {
        var answer = KeysAnswer(term: chance.number(), isComplete: chance.chance())
        answer.entries = chance.list(limit: Limits.keysPageEntries) { chance in
            Entry(key: chance.key(), byteCount: chance.number(), version: chance.version(), holders: chance.number32())
        }
        answer.next = chance.chance() ? max(1, chance.number()) : nil
        return answer
    }
}

extension RecoveryRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> RecoveryRequest {
        var request = RecoveryRequest()
        (request.isConfirmed, request.lost) = (chance.chance(), chance.number())
        return request
    }
}

extension RecoveryAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> RecoveryAnswer {
        var answer = RecoveryAnswer()
        answer.owners = chance.list(limit: Limits.owners) { Owner(instance: $0.name(), isKept: $0.chance()) }
        (answer.missing, answer.isDone) = (chance.number(), chance.chance())
        return answer
    }
}

extension StatusAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> StatusAnswer {
        let sectionLimit = chance.index(below: 4) == 0 ? Limits.statusSections : 3
        return StatusAnswer(
            sections: chance.list(limit: sectionLimit) { chance in
                let figureLimit = sectionLimit > 3 ? 3 : Limits.statusFigures
                return Section(
                    title: chance.text(limit: Limits.nameBytes),
                    figures: chance.list(limit: figureLimit) { chance in
                        if chance.index(below: 8) == 0 {
                            return Figure("some", list: (0..<chance.index(below: 2000)).map { "owner-\($0)" })
                        }
                        return Figure(chance.text(limit: Limits.nameBytes), chance.text(limit: Limits.statusValueBytes))
                    })
            })
    }
}

extension TicketRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> TicketRequest {
        var request = TicketRequest(
            key: chance.key(), version: chance.version(), asker: chance.name(), generation: Generation(chance.number()))
        guard chance.chance() else { return request }
        let (one, other) = (chance.number(), chance.number())
        request.relayed = RelayedRange(holder: OwnerID(max(1, chance.number32())), range: min(one, other)..<max(one, other))
        return request
    }
}

extension TicketAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> TicketAnswer {
        switch chance.index(below: 6) {
        case 0: .gone
        case 1: .notYet
        case 2: .busy
        case 3: .unreachable
        default:
            .granted(
                ticket: chance.bytes(16), length: chance.number(), flags: chance.number32(),
                rdma: chance.text(limit: Limits.rdmaAddressesBytes))
        }
    }
}
