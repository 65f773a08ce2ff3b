import FluxonCore
import Testing

@Suite struct StatusSummaryTests {
    private static func section(_ title: String, _ figures: KeyValuePairs<String, String>) -> StatusAnswer.Section {
        .init(title: title, figures: figures.map { .init($0.key, $0.value) })
    }

    private static func member(_ role: MemberDescription.Role, _ name: String, _ state: String) -> MembersAnswer.Member {
        .init(description: MemberDescription(role: role, instanceKey: InstanceKey(name)), state: state, silentMilliseconds: 0)
    }

    private static let owner = section(
        "owner o1",
        [
            "state": "valid", "linked": "true", "unreachable": "none", "pool_bytes": "1073741824", "live_bytes": "53687091",
            "unassigned_bytes": "536870912",
        ])
    private static let master = section("master m1", ["state": "leading"])

    @Test("a cluster of which everybody says that all is well is healthy; pool and members are told")
    func healthy() {
        let members = MembersAnswer(
            clusterName: "c", term: 3,
            members: [
                Self.member(.master, "m1", "leading"), Self.member(.master, "m2", "standing by"), Self.member(.owner, "o1", "in"),
                Self.member(.external, "e1", "connected"),
            ])
        let summary = StatusSummary(StatusAnswer(sections: [Self.owner, Self.master]), members)
        #expect(summary.isHealthy)
        #expect(summary.pool == "51.2 MiB (5.0 %) of 1 GiB hold values, 512 MiB (50.0 %) unclaimed", "\(summary.pool ?? "")")
        #expect(summary.members == "2 masters (1 standing by), 1 owner, 1 external")
    }

    @Test(
        "each thing that is wrong is a problem of its own",
        arguments: [
            ([owner], [], "no master answers: puts and misses wait until one leads"),
            (
                [owner, section("master m1", ["state": "collecting inventories"])], [],
                "m1 is collecting inventories: puts and misses wait"
            ),
            (
                [section("owner o1", ["state": "not valid"]), master], [],
                "o1 is not valid: its lease from the master has run out, and gets wait for the next one"
            ),
            (
                [section("owner o1", ["linked": "false", "leader": "127.0.0.1:7"]), master], [],
                "o1 is not connected to a master (leader: 127.0.0.1:7)"
            ),
            ([section("owner o1", ["unreachable": "o2, o3"]), master], [], "o1 cannot connect to o2, o3"),
            ([owner, master], [member(.owner, "o2", "lost")], "o2 is lost"),
        ] as [([StatusAnswer.Section], [MembersAnswer.Member], String)])
    func problems(sections: [StatusAnswer.Section], members: [MembersAnswer.Member], problem: String) {
        let summary = StatusSummary(StatusAnswer(sections: sections), MembersAnswer(clusterName: "c", term: 1, members: members))
        #expect(summary.problems == [problem])
    }
}
