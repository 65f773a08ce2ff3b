import FluxonCore
import FluxonMaster
import Testing

@Suite struct AuthorityTests {
    private func instant(_ seconds: Double) -> BootInstant { BootInstant.zero.advanced(by: .seconds(seconds)) }

    @Test(
        "a master may act for T after sending the last transaction that succeeded",
        arguments: [(at: 12.999, may: true), (at: 13.0, may: false)])
    func duration(at: Double, may: Bool) {
        var authority = Authority(term: 7, electionSent: instant(8), timing: ProtocolTiming())
        authority.confirmed(sending: instant(10))
        #expect(authority.mayAct(now: instant(at)) == may)
    }

    @Test("an answer that arrives late shortens nothing")
    func lateAnswer() {
        var authority = Authority(term: 7, electionSent: instant(8), timing: ProtocolTiming())
        authority.confirmed(sending: instant(10))
        authority.confirmed(sending: instant(9))
        #expect(authority.mayAct(now: instant(12.5)))
    }

    @Test("a refused guard ends the authority for good")
    func refused() {
        var authority = Authority(term: 7, electionSent: instant(8), timing: ProtocolTiming())
        authority.refused()
        authority.confirmed(sending: instant(9))
        #expect(!authority.mayAct(now: instant(9)))
    }
}

@Suite struct RosterEntryTests {
    @Test(
        "what is written to the roster is read back",
        arguments: [RosterEntry.State.in, .bypassed(term: 41), .lost])
    func roundTrip(state: RosterEntry.State) {
        let entry = RosterEntry(owner: OwnerID(2), generation: Generation(3), state: state, life: 0xF00D)
        #expect(RosterEntry(parsing: entry.text) == entry)
    }

    @Test(
        "foreign text is refused",
        arguments: ["", "owner=1 generation=x state=in life=1", "state=in", "owner=1 generation=1 state=bypassed life=1", "hello"])
    func foreign(text: String) { #expect(RosterEntry(parsing: text) == nil) }
}
