import FluxonCore
import Testing

@testable import FluxonMaster

@Suite struct MemberStatesTests {
    private let one = InstanceKey("one")
    private let two = InstanceKey("two")

    private func at(_ seconds: UInt64) -> BootInstant { BootInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test("a state holds since it was first seen, and a member that was away begins anew")
    func since() {
        var states = MemberStates()
        for member in [one, two] { states.update(member, "in", now: at(1)) }
        states.update(one, "in", now: at(5))
        states.update(two, "silent", now: at(5))
        #expect(states.since(one, "in") == at(1))
        #expect(states.since(two, "silent") == at(5) && states.since(two, "in") == nil)
        states.forget(one)
        states.update(one, "in", now: at(7))
        #expect(states.since(one, "in") == at(7) && states.since(two, "silent") == at(5))
    }

    @Test("masters that stand by are those whose lines stand in etcd; what is no such line is passed over, and so are too many")
    func standbys() {
        var list = StandbyList()
        for (key, line) in [
            ("b", "address=10.0.0.2:7 instance=b protocol=1 host=h pid=42"), ("a", "instance=a"), ("x", "no line"), ("y", "instance="),
        ] {
            list.set(Array(key.utf8), Array(line.utf8))
        }
        #expect(list.all.map(\.instanceKey.name) == ["a", "b"])
        #expect(list.all[1].processID == 42 && list.all[1].address == "10.0.0.2:7" && list.all[1].role == .master)
        list.set(Array("b".utf8), nil)
        #expect(list.all.map(\.instanceKey.name) == ["a"])
        for number in 0..<1000 { list.set(Array("m\(number)".utf8), Array("instance=m\(number)".utf8)) }
        #expect(list.all.count == StandbyList.limit)
    }
}
