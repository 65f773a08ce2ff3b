import FluxonCore
import Testing

@testable import FluxonMaster

@Suite struct MemberDirectoryTests {
    private let now = BootInstant(nanoseconds: 1_000_000_000)

    private func member(_ name: String, _ role: MemberDescription.Role) -> MemberDescription {
        MemberDescription(role: role, instanceKey: InstanceKey(name))
    }

    @Test("what is told is what changed since it was told last: an external leaves with its connection, an owner with the roster")
    func changes() throws {
        var directory = MemberDirectory()
        let nothing = directory.takeChanges()
        #expect(nothing == nil)
        directory.joined(member("a", .owner), on: ConnectionID(1), now: now)
        directory.joined(member("x", .external), on: ConnectionID(2), now: now)
        let first = directory.takeChanges()
        let joined = try #require(first)
        #expect(joined.present.map(\.description.instanceKey.name) == ["a", "x"] && directory.revision == 1)
        directory.left(ConnectionID(2)) { _ in true }
        directory.left(ConnectionID(1)) { _ in true }
        let second = directory.takeChanges()
        let left = try #require(second)
        #expect(left.present.map(\.isConnected) == [false] && left.goneOthers == [InstanceKey("x")] && left.goneOwners == [])
        directory.givenUp(InstanceKey("a"))
        #expect(directory.takeChanges()?.goneOwners == [InstanceKey("a")])
        #expect(directory.takeChanges() == nil && directory.count == 0)
    }

    @Test("an owner that never entered the roster leaves nothing behind")
    func neverEntered() {
        var directory = MemberDirectory()
        directory.joined(member("a", .owner), on: ConnectionID(1), now: now)
        directory.left(ConnectionID(1)) { _ in false }
        #expect(directory.count == 0)
    }

    @Test("the end of an older connection of a member that joined anew changes nothing")
    func joinedAnew() {
        var directory = MemberDirectory()
        directory.joined(member("x", .external), on: ConnectionID(1), now: now)
        directory.joined(member("x", .external), on: ConnectionID(2), now: now)
        directory.left(ConnectionID(1)) { _ in false }
        #expect(directory.count == 1)
    }

    @Test("pages are in the order of names, and together everybody", arguments: [1, 2, 3, 7])
    func pages(limit: Int) {
        var directory = MemberDirectory()
        for number in 0..<7 { directory.joined(member("m\(number)", .external), on: ConnectionID(UInt64(number)), now: now) }
        var names: [String] = []
        var last = InstanceKey("")
        while true {
            let page = directory.page(after: last, limit: limit)
            names += page.entries.map(\.description.instanceKey.name)
            guard page.hasMore, let end = page.entries.last else { break }
            last = end.description.instanceKey
        }
        #expect(names == (0..<7).map { "m\($0)" })
    }
}
