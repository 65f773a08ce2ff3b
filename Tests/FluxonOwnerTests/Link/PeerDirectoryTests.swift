import FluxonCore
import FluxonTransfer
import Testing

@testable import FluxonOwner

/// When the master's directory says that another owner's process is over (its unused tickets end then).
@Suite struct PeerDirectoryTests {
    private func owner(_ name: String, _ life: UInt64, _ state: String, number: UInt64) -> MembersAnswer.Member {
        var description = MemberDescription(role: .owner, instanceKey: InstanceKey(name))
        description.incarnation = String(life, radix: 16)
        description.ownerNumber = number
        return MembersAnswer.Member(description: description, state: state, silentMilliseconds: 0)
    }

    /// The whole list in one page.
    private func answer(_ members: (name: String, life: UInt64, state: String)...) -> DirectoryPage {
        let list = members.enumerated().map { owner($1.name, $1.life, $1.state, number: UInt64($0 + 1)) }
        return DirectoryPage(term: 1, revision: 1, begins: true, owners: list)
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
        nameless.owners[0].description.incarnation = "not a number"
        #expect(directory.learn(nameless) == [])
        #expect(directory.learn(answer(("b", 3, "in"))) == [])
    }

    @Test("a change names what changed alone; who is gone leaves its number, unless another has it by now")
    func changes() {
        var directory = PeerDirectory()
        _ = directory.learn(answer(("a", 1, "in"), ("b", 2, "in")))
        let joined = DirectoryPage(term: 1, revision: 2, owners: [owner("c", 3, "in", number: 3)])
        #expect(directory.learn(joined) == [] && directory.owners.count == 3)
        let replaced = DirectoryPage(term: 1, revision: 3, owners: [owner("d", 4, "in", number: 1)], gone: [InstanceKey("a")])
        #expect(directory.learn(replaced) == [asker("a", 1)])
        #expect(directory.owners[OwnerID(1)]?.instanceKey == InstanceKey("d") && directory.owners.count == 3)
        #expect(directory.learn(DirectoryPage(term: 1, revision: 4, gone: [InstanceKey("d")])) == [asker("d", 4)])
        #expect(directory.owners[OwnerID(1)] == nil)
    }

    @Test("of a list in pages nobody is missing before its last page")
    func pages() {
        var directory = PeerDirectory()
        _ = directory.learn(answer(("a", 1, "in"), ("b", 2, "in")))
        let first = DirectoryPage(term: 1, revision: 2, begins: true, ends: false, owners: [owner("c", 3, "in", number: 3)])
        #expect(directory.learn(first) == [] && directory.owners.count == 3)
        let last = DirectoryPage(term: 1, revision: 2, owners: [owner("b", 2, "in", number: 2)])
        #expect(directory.learn(last) == [asker("a", 1)])
        #expect(directory.owners.keys.sorted() == [OwnerID(2), OwnerID(3)])
    }
}
