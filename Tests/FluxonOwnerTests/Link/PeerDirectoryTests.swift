import FluxonCore
import FluxonTransfer
import Testing

@testable import FluxonOwner

/// When the master's directory says that another owner's process is over (its unused tickets end then).
@Suite struct PeerDirectoryTests {
    private func answer(_ members: (name: String, life: UInt64, state: String)...) -> MembersAnswer {
        let list = members.enumerated().map { index, one in
            var description = MemberDescription(role: .owner, instanceKey: InstanceKey(one.name))
            description.incarnation = String(one.life, radix: 16)
            description.ownerNumber = UInt64(index + 1)
            return MembersAnswer.Member(description: description, state: one.state, silentMilliseconds: 0)
        }
        return MembersAnswer(clusterName: "c", term: 1, members: list)
    }

    private func asker(_ name: String, _ life: UInt64) -> Asker { Asker(instance: InstanceKey(name), generation: Generation(life)) }

    @Test("one that is replaced, lost, or no longer listed is over, once; owners are found by their numbers")
    func ended() {
        var directory = PeerDirectory()
        #expect(directory.learn(answer(("a", 1, "in"), ("b", 2, "in"), ("d", 4, "in"))) == [])
        #expect(directory.owners[OwnerID(2)]?.instanceKey == InstanceKey("b"))
        #expect(directory.learn(answer(("a", 7, "in"), ("b", 2, "bypassed"), ("d", 4, "lost"))) == [asker("a", 1), asker("d", 4)])
        #expect(directory.learn(answer(("a", 7, "in"), ("b", 2, "in"), ("d", 4, "lost"))) == [])
        #expect(directory.learn(answer(("a", 7, "in"))) == [asker("b", 2)])
        #expect(directory.owners.count == 1)
    }

    @Test("another master's list begins empty: who is missing there may yet join, who came back as another process is over")
    func anotherMaster() {
        var directory = PeerDirectory()
        _ = directory.learn(answer(("a", 1, "in"), ("b", 2, "in")))
        directory.listBegins()
        #expect(directory.learn(answer()) == [])
        #expect(directory.learn(answer(("a", 9, "in"))) == [asker("a", 1)])
        #expect(directory.learn(answer(("a", 9, "in"), ("b", 2, "in"))) == [])
        #expect(directory.learn(answer(("a", 9, "in"))) == [asker("b", 2)])
    }

    @Test("lost before this process ever heard of it, or without a life, is nothing to end")
    func unknown() {
        var directory = PeerDirectory()
        #expect(directory.learn(answer(("a", 1, "lost"))) == [])
        var nameless = answer(("b", 2, "in"))
        nameless.members[0].description.incarnation = "not a number"
        #expect(directory.learn(nameless) == [])
        #expect(directory.learn(answer(("b", 3, "in"))) == [])
    }
}
