import FluxonCore
import Testing

@Suite struct ControlMessageTests {
    private var member: MemberDescription {
        var member = MemberDescription(role: .owner, instanceKey: InstanceKey("owner-1"))
        member.generation = Generation(3)
        member.incarnation = "f00d"
        member.address = "127.0.0.1:7001"
        member.bulkAddress = "127.0.0.1:7002"
        member.socket = "/run/fluxon/owner-1.sock"
        member.host = "host-a"
        member.processID = 4711
        member.poolBytes = 1 << 30
        member.subCluster = "east"
        member.ownerNumber = 2
        return member
    }

    @Test("a join is read as it was written")
    func join() throws {
        let request = JoinRequest(clusterName: "demo", member: member)
        #expect(try JoinRequest(decoding: request.encoded()) == request)
        let answer = JoinAnswer(term: 5)
        #expect(try JoinAnswer(decoding: answer.encoded()) == answer)
    }

    @Test("members and status are read as they were written")
    func reports() throws {
        let members = MembersAnswer(
            clusterName: "demo", term: 5, members: [.init(description: member, state: "in", silentMilliseconds: 12, stateMilliseconds: 9)])
        #expect(try MembersAnswer(decoding: members.encoded()) == members)
        let status = StatusAnswer(sections: [.init(title: "owner owner-1", figures: [.init("keys", "12"), .init("pool", "1 GiB")])])
        #expect(try StatusAnswer(decoding: status.encoded()) == status)
    }

    @Test("a request for keys and a page of them are read as they were written, and a page is as long as a reader takes")
    func keys() throws {
        let request = KeysRequest(prefix: [0xFF, 0], position: 77)
        #expect(try KeysRequest(decoding: request.encoded()) == request)
        var answer = KeysAnswer(term: 4, isComplete: true)
        let entry = KeysAnswer.Entry(
            key: try Key([UInt8](repeating: 0xFE, count: Limits.keyBytes)), byteCount: .max, version: Version(term: .max, sequence: .max),
            holders: .max)
        answer.entries = [KeysAnswer.Entry](repeating: entry, count: Limits.keysPageEntries)
        answer.next = .max
        #expect(answer.encoded().count < Limits.rpcMessageBytes)
        #expect(try KeysAnswer(decoding: answer.encoded()) == answer)
        // A repeated field goes on in bytes that follow: one entry more than a writer puts into a page.
        var oneMore = KeysAnswer(term: 4, isComplete: true)
        oneMore.entries = [entry]
        let tooMany = answer.encoded() + oneMore.encoded()
        #expect(throws: ProtobufError.tooMany(field: 2, limit: Limits.keysPageEntries)) { try KeysAnswer(decoding: tooMany) }
        answer.entries.append(entry)
        #expect(try KeysAnswer(decoding: answer.encoded()).entries.count == Limits.keysPageEntries)
        answer.entries = []
        answer.next = nil
        #expect(try KeysAnswer(decoding: answer.encoded()) == answer)
    }

    @Test(
        "a ticket's answer is read as it was written",
        arguments: [
            TicketAnswer.gone, .notYet, .busy, .unreachable,
            .granted(ticket: Array(0..<16), length: 1 << 40, flags: 7, rdma: "10.0.0.1:7001 10.1.0.1:7001"),
        ])
    func ticket(answer: TicketAnswer) throws {
        #expect(try TicketAnswer(decoding: answer.encoded()) == answer)
    }

    @Test("a request for a ticket is read as it was written, for a relay and for a holder; a range that ends before it begins is refused")
    func ticketRequest() throws {
        var request = TicketRequest(
            key: try Key("k"), version: Version(term: 3, sequence: 9), asker: InstanceKey("a"), generation: Generation(.max))
        #expect(try TicketRequest(decoding: request.encoded()) == request)
        request.relayed = RelayedRange(holder: OwnerID(7), range: 4 << 20..<8 << 20)
        #expect(try TicketRequest(decoding: request.encoded()) == request)
        var damaged = request.encoded()
        var writer = ProtobufWriter()
        writer.unsigned(1 as UInt64, field: 22)
        damaged += writer.bytes
        #expect(throws: ProtobufError.invalidField(22)) { try TicketRequest(decoding: damaged) }
    }

    @Test("a message cut anywhere is an error or another message, never a trap")
    func truncation() throws {
        let bytes = JoinRequest(clusterName: "demo", member: member).encoded()
        for length in 0..<bytes.count { _ = try? JoinRequest(decoding: Array(bytes[..<length])) }
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0xff
            _ = try? JoinRequest(decoding: damaged)
        }
        #expect(throws: ProtobufError.self) { try JoinRequest(decoding: []) }
    }
}
