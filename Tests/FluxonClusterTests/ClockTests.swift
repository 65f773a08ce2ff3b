import Fluxon
import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc
import Testing

/// Clocks of real processes: other ones, wrong ones, and such that step (CONSISTENCY §1).
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClockTests {
    /// Whether this user may make a time namespace.
    private static let hasTimeNamespaces: Bool = {
        let tool = RoleProcess(
            name: "unshare", executable: "/usr/bin/unshare", arguments: ["--time", "--boottime", "1000", "/bin/true"], folder: "/tmp",
            announcesReadiness: false)
        guard (try? tool.launch()) != nil else { return false }
        return tool.awaitEnd(within: .seconds(5)) == .exited(code: 0)
    }()

    /// Starts a probe and waits for its end: it fails at the first step that does.
    private func probe(
        _ cluster: TestCluster, under tool: [String] = [], environment: [String: String] = [:], _ steps: [String]
    ) async throws {
        let words = tool + ["\(TestCluster.products)/fluxon-probe"] + steps
        let probe = RoleProcess(
            name: "probe", executable: words[0], arguments: Array(words.dropFirst()), folder: cluster.folder, announcesReadiness: false,
            environment: environment)
        try probe.launch()
        let ending = probe.awaitEnd(within: .seconds(20))
        #expect(ending == .exited(code: 0), "\(probe.log)")
    }

    @Test(
        "a process in another time namespace than its owner gets no mapping, and puts and gets by copies", .enabled(if: hasTimeNamespaces))
    func timeNamespace() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        for path in [cluster.ownerSocket(0), cluster.externalSocket(0)] {
            try await probe(cluster, [path, "expect:mapped", "put:key:4096:7", "hold:key", "exit"])
            let tool = ["/usr/bin/unshare", "--time", "--boottime", "86400"]
            try await probe(cluster, under: tool, [path, "expect:copied", "hold:key", "put:other:300000:8", "hold:other", "exit"])
        }
        let store = try await Store.connect(to: cluster.ownerSocket(0))
        #expect(try await store.get("other")?.copyBytes() == [UInt8](repeating: 8, count: 300_000))
    }

    @Test("a process whose clock is another than its owner's gets no mapping; one with the same bent clock does")
    func otherClock() async throws {
        let cluster = try TestCluster(clocks: .apart)
        let path = cluster.ownerSocket(0)
        try await probe(cluster, [path, "expect:copied", "put:key:4096:7", "hold:key", "exit"])
        try await probe(cluster, environment: cluster.environment(1), [path, "expect:copied", "hold:key", "exit"])
        try await probe(cluster, environment: cluster.environment(0), [path, "expect:mapped", "hold:key", "exit"])
    }
}
