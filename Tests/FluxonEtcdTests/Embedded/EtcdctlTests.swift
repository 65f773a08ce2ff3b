import FluxonEtcd
import FluxonTestFiles
import Foundation
import Testing

/// Debian's `etcdctl` against the embedded server: a client that is not ours.
@Suite(.timeLimit(.minutes(1))) struct EtcdctlTests {
    private func etcdctl(_ endpoint: String, _ arguments: [String]) async throws -> String {
        let result = try await run(
            "/usr/bin/etcdctl", ["--endpoints", endpoint, "--dial-timeout", "5s", "--command-timeout", "10s"] + arguments,
            environment: ["ETCDCTL_API": "3"])
        #expect(result.status == 0, "etcdctl \(arguments): \(result.output)")
        return result.output
    }

    @Test("put, get, del, by key, prefix and revision")
    func keys() async throws {
        try await Fixture.with(.embedded) { fixture in
            let endpoint = fixture.endpoint
            func expect(_ arguments: [String], prints output: String) async throws {
                let found = try await etcdctl(endpoint, arguments)
                #expect(found == output)
            }
            try await expect(["put", "a", "1"], prints: "OK\n")
            try await expect(["put", "--prev-kv", "a", "2"], prints: "OK\na\n1\n")
            try await expect(["put", "b", "1"], prints: "OK\n")
            try await expect(["get", "a"], prints: "a\n2\n")
            try await expect(["get", "--rev", "2", "a"], prints: "a\n1\n")
            try await expect(["get", "--prefix", "", "--keys-only"], prints: "a\n\nb\n\n")
            try await expect(["get", "--prefix", "", "--order", "DESCEND", "--print-value-only"], prints: "1\n2\n")
            try await expect(["del", "--prefix", "", "--prev-kv"], prints: "2\na\n2\nb\n1\n")
            let compacted = try await etcdctl(endpoint, ["compaction", "4"])
            #expect(compacted.contains("compacted revision 4"))
        }
    }

    @Test("txn")
    func transaction() async throws {
        try await Fixture.with(.embedded) { fixture in
            let script = fixture.folder.file("txn")
            try "create(\"a\") = \"0\"\n\nput a \"1\"\n\nget a\n\n".write(toFile: script, atomically: true, encoding: .utf8)
            let command = "ETCDCTL_API=3 etcdctl --endpoints \(fixture.endpoint) txn < \(script)"
            #expect(try await run("/bin/sh", ["-c", command]).output.contains("SUCCESS"))
            let again = try await run("/bin/sh", ["-c", command]).output
            #expect(again.contains("FAILURE") && again.contains("a\n1"))
        }
    }

    @Test("lease grant, list, timetolive, keep-alive, revoke")
    func leases() async throws {
        try await Fixture.with(.embedded) { fixture in
            let endpoint = fixture.endpoint
            let granted = try await etcdctl(endpoint, ["lease", "grant", "60"])
            let id = try #require(granted.split(separator: " ").dropFirst().first.map(String.init))
            #expect(granted == "lease \(id) granted with TTL(60s)\n")
            #expect(try await etcdctl(endpoint, ["put", "--lease", id, "a", "1"]) == "OK\n")
            #expect(try await etcdctl(endpoint, ["lease", "list"]) == "found 1 leases\n\(id)\n")
            #expect(try await etcdctl(endpoint, ["lease", "timetolive", "--keys", id]).contains("granted with TTL(60s), remaining("))
            #expect(try await etcdctl(endpoint, ["lease", "keep-alive", "--once", id]) == "lease \(id) keepalived with TTL(60)\n")
            #expect(try await etcdctl(endpoint, ["lease", "revoke", id]) == "lease \(id) revoked\n")
            #expect(try await etcdctl(endpoint, ["get", "a"]) == "")
        }
    }

    @Test("watch from a revision, and endpoint health and status")
    func watchAndStatus() async throws {
        try await Fixture.with(.embedded) { fixture in
            let endpoint = fixture.endpoint
            let revision = try await fixture.client.put("a", "1").revision
            try await fixture.client.put("a", "2")
            try await fixture.client.delete(.key("a"))
            // Cut off by the timeout once it has told what there is.
            let command =
                "ETCDCTL_API=3 timeout 10 etcdctl --endpoints \(endpoint) watch --rev \(revision) --prev-kv a | head -n 11"
            let output = try await run("/bin/bash", ["-c", command]).output
            #expect(output == "PUT\na\n1\nPUT\na\n1\na\n2\nDELETE\na\n2\n")
            #expect(try await etcdctl(endpoint, ["endpoint", "health"]).contains("is healthy"))
            #expect(try await etcdctl(endpoint, ["endpoint", "health", "--cluster"]).contains("http://\(endpoint) is healthy"))
            #expect(try await etcdctl(endpoint, ["member", "list"]).contains("started, fluxon, "))
            #expect(try await etcdctl(endpoint, ["endpoint", "status"]).contains("3.4.0"))
        }
    }
}
