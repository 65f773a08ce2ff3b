import FluxonCore
import FluxonSystem
import Glibc
import Testing

/// What is said is so: each test makes a situation and holds everything that is said of it against the truth.
///
/// | situation | log | status | members | metrics | exit codes | error |
/// |---|---|---|---|---|---|---|
/// | master dead | validity lost, regained | not valid, not linked, no answer at its address | fails | not linked | 1, 1, 0 | not_current, which master |
/// | etcd away | the same | linked, not valid, the master paused | as before | not valid, linked | 1, 0, 0 | not_current, etcd |
/// | holder stopped | who cannot be reached, once | unreachable names it | silent | valid | 1, 0, 0 | which holder |
/// | TLS refused between owners | an error, once | unreachable names it | as before | valid | 1, 0, 0 | which holder, and why |
/// | owner waits for its master | what it waits for | not valid | fails | not linked | 1, 1, 0 | that the owner runs, and what it waits for |
@Suite(.serialized, .timeLimit(.minutes(5))) struct TruthLongTests {
    @Test(
        "a dead master is dead in status, members, metrics, exit codes, errors and the owner's log, and alive again in all when it is back")
    func masterDead() async throws {
        let cluster = try TestCluster(metadata: .etcd)
        try cluster.put("key", at: cluster.ownerSocket(0))
        let healthy = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        #expect(healthy.status.ending == .exited(code: 0), "\(healthy.status.output)")
        #expect(healthy.figure("owner", "linked") == "true" && healthy.figure("owner", "problem") == "none")
        let address = try #require(healthy.figure("owner", "leader"))

        cluster.master.kill()
        #expect(try await cluster.owners[0].says("validity lost"))
        let dead = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        #expect(dead.status.ending == .exited(code: 1))
        #expect(dead.figure("owner", "state") == "not valid" && dead.figure("owner", "linked") == "false", "\(dead.status.output)")
        #expect(dead.figure("owner", "problem")?.isEmpty == false && dead.figure("owner", "problem") != "none")
        #expect(dead.status.output.contains("does not answer: puts and misses wait"), "\(dead.status.output)")
        #expect(dead.figure("master", "state") == "does not answer", "\(dead.status.output)")
        #expect(dead.members.ending == .exited(code: 1) && dead.members.output.hasPrefix("fluxon: "), "\(dead.members.output)")
        #expect(dead.metrics.ending == .exited(code: 0))
        #expect(dead.metric("fluxon_owner_linked", "owner-1") == "0" && dead.metric("fluxon_owner_valid", "owner-1") == "0")
        #expect(dead.metric("fluxon_master_leading", "") == "0", "\(dead.metrics.output)")
        let got = try cluster.get("key", at: cluster.ownerSocket(0))
        #expect(got.ending == .exited(code: 1))
        let error = try got.object
        #expect(error["code"]?.text == "not_current", "\(got.output)")
        let words = error["error"]?.text ?? ""
        #expect(
            words.contains("'key'") && words.contains("owner-1") && (words.contains(address) || words.contains("no master")), "\(words)")

        try cluster.master.start()
        #expect(try await cluster.owners[0].says("validity regained"))
        #expect(cluster.owners[0].count(of: "validity lost") <= 2, "once")
        let back = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        #expect(back.status.ending == .exited(code: 0), "\(back.status.output)")
        #expect(try cluster.get("key", at: cluster.ownerSocket(0)).ending == .exited(code: 0))
    }

    @Test("with etcd away the master is said to pause for it, the owner to be linked and not valid, and an error names etcd")
    func etcdAway() async throws {
        let cluster = try TestCluster(owners: 1, metadata: .etcd)
        try cluster.put("key", at: cluster.ownerSocket(0))
        cluster.etcd?.signal(SIGSTOP)
        defer { cluster.etcd?.signal(SIGCONT) }
        #expect(try await cluster.owners[0].says("validity lost"))
        #expect(cluster.owners[0].log.contains("cannot reach etcd"), "\(cluster.owners[0].log)")
        let away = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        #expect(away.status.ending == .exited(code: 1))
        #expect(away.figure("owner", "state") == "not valid" && away.figure("owner", "linked") == "true", "\(away.status.output)")
        #expect(away.figure("master", "state") == "paused" && away.figure("master", "problem")?.contains("etcd") == true)
        #expect(away.members.ending == .exited(code: 0))
        #expect(away.metric("fluxon_owner_linked", "owner-1") == "1" && away.metric("fluxon_owner_valid", "owner-1") == "0")
        #expect(away.metric("fluxon_master_leading", "master-1") == "0")
        let error = try cluster.get("key", at: cluster.ownerSocket(0)).object
        #expect(error["code"]?.text == "not_current" && error["error"]?.text?.contains("cannot reach etcd") == true, "\(error)")
        cluster.etcd?.signal(SIGCONT)
        #expect(try await cluster.owners[0].says("validity regained"))
    }

    @Test("a holder that is stopped is named by the error of a get, by the log once, by status and by members")
    func holderStopped() async throws {
        let cluster = try TestCluster()
        try cluster.put("key", at: cluster.ownerSocket(1))
        cluster.owners[1].signal(SIGSTOP)
        defer { cluster.owners[1].signal(SIGCONT) }
        let early = try cluster.get("key", at: cluster.ownerSocket(0), timeout: "1s").object
        #expect(early["code"]?.text == "deadline_exceeded" && early["error"]?.text?.contains("owner-2") == true, "\(early)")
        let late = try cluster.get("key", at: cluster.ownerSocket(0), timeout: "4s").object
        #expect(late["error"]?.text?.contains("'key'") == true && late["error"]?.text?.contains("owner-2") == true, "\(late)")
        #expect(try await cluster.owners[0].says("another owner cannot be reached"))
        let stopped = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        #expect(stopped.status.ending == .exited(code: 1) && stopped.figure("owner", "state") == "valid", "this owner serves on")
        #expect(stopped.status.output.contains("owner-1 cannot connect to owner-2"), "\(stopped.status.output)")
        #expect(stopped.figure("owner", "unreachable") == "owner-2", "\(stopped.status.output)")
        let members = try CommandLineTool.run(["members", "--json"], attachedTo: cluster.ownerSocket(0), in: cluster.folder).object
        let holder = members["members"]?.elements?.first { $0["instance_key"]?.text == "owner-2" }
        #expect(holder?["silent_ms"]?.unsignedInteger ?? 0 > 2000, "it has not been heard of: \(stopped.members.output)")
        #expect(cluster.owners[0].count(of: "another owner cannot be reached") <= 2, "once for each cause")
    }

    @Test("an owner whose certificate does not fit is named as unreachable, in the log as an error and once, and by the error of a get")
    func refusedTLS() async throws {
        let cluster = try TestCluster(usesTLS: true) { $0 == "owner-2" ? "elsewhere" : "server" }
        try cluster.put("key", at: cluster.ownerSocket(1))
        var words = ""
        // On a machine that is busy enough the caller's patience ends before the owner's word has come.
        for _ in 0..<5 where !words.contains("another host") {
            let got = try cluster.get("key", at: cluster.ownerSocket(0), timeout: "4s")
            #expect(got.ending == .exited(code: 1))
            words = try got.object["error"]?.text ?? ""
        }
        #expect(words.contains("'key'") && words.contains("owner-2") && words.contains("another host"), "\(words)")
        let told = cluster.owners[0].log.split(separator: "\n").filter { $0.contains("another owner cannot be reached") }
        #expect((1...2).contains(told.count), "once for each cause: \(told)")
        #expect(told.allSatisfy { $0.contains(" error ") && $0.contains("owner-2") && $0.contains("another host") }, "\(told)")
        let sayings = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        #expect(sayings.figure("owner", "unreachable") == "owner-2", "\(sayings.status.output)")
    }

    @Test("while an owner waits for its master, whoever comes is told so, by the owner and through its sidecar")
    func ownerWaits() async throws {
        let cluster = try TestCluster(owners: 1, metadata: .etcd, hasExternals: true)
        cluster.master.kill()
        cluster.owners[0].kill()
        try cluster.owners[0].launch()
        #expect(try await cluster.owners[0].says("owner listens", moreThan: 1))
        for socket in [cluster.ownerSocket(0), cluster.externalSocket(0)] {
            let got = try cluster.get("key", at: socket)
            let error = try got.object
            #expect(got.ending == .exited(code: 1) && error["code"]?.text == "not_current", "\(got.output)")
            let words = error["error"]?.text ?? ""
            #expect(words.contains("owner-1 runs and attaches processes when a master has taken it"), "\(words)")
            #expect(!words.contains("start fluxon-owner"))
            let sayings = try Sayings(at: socket, of: cluster)
            #expect(
                sayings.status.ending == .exited(code: 1) && sayings.figure("owner", "state") == "not valid", "\(sayings.status.output)")
            #expect(sayings.members.ending == .exited(code: 1))
            #expect(sayings.metric("fluxon_owner_linked", "owner-1") == "0")
        }
        try cluster.master.start()
        try cluster.owners[0].awaitReadiness(within: .seconds(30))
        #expect(try cluster.get("key", at: cluster.externalSocket(0)).ending == .exited(code: 3))
    }

    @Test("the name by which a process calls itself is in the status of its owner")
    func processNames() async throws {
        let cluster = try TestCluster(owners: 1, hasExternals: true)
        let store = try await cluster.connect(named: "trainer rank 7", at: cluster.externalSocket(0))
        let sayings = try Sayings(at: cluster.ownerSocket(0), of: cluster)
        let session = try #require(sayings.figure("processes", "session_1"), "\(sayings.status.output)")
        #expect(session.contains("external-1/trainer rank 7, pid \(getpid()), ") && session.contains("connected"))
        withExtendedLifetime(store) {}
    }

    @Test("a master whose etcd password is wrong is told to correct that, and not to start an etcd that runs")
    func wrongPassword() async throws {
        let cluster = try TestCluster(owners: 1, metadata: .etcd)
        let configuration = try String(decoding: File.readAll("\(cluster.folder)/master-1.yaml", limit: 65536), as: UTF8.self)
        let endpoint = try #require(configuration.firstMatch(of: /http:[^"]+/)).output
        for arguments in ["user add root:right", "user grant-role root root", "auth enable"] {
            let child = try ChildProcess(
                executable: "/bin/sh", arguments: ["-c", "exec etcdctl --endpoints \(endpoint) \(arguments)"],
                environment: ["PATH": "/usr/bin:/bin", "ETCDCTL_API": "3"], output: File.open("\(cluster.folder)/etcdctl", .append))
            _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(30))
            #expect(try child.reap() == .exited(code: 0), "\(arguments)")
        }
        try File.replace("\(cluster.folder)/password", with: Array("wrong\n".utf8))
        let lines = "instance_key: master-9\netcd: {username: root, password_file: \(cluster.folder)/password}"
        let changed = configuration.split(separator: "\n").map { $0.hasPrefix("instance_key") ? lines : String($0) }.joined(separator: "\n")
        try File.replace("\(cluster.folder)/master-9.yaml", with: Array(changed.utf8))
        let master = RoleProcess(
            name: "master-9", executable: "\(TestCluster.products)/fluxon-master",
            arguments: ["--config", "\(cluster.folder)/master-9.yaml"], folder: cluster.folder)
        try master.launch()
        #expect(try await master.says("correct etcd.username and the password file"))
        #expect(!master.log.contains("start it"), "\(master.log)")
    }

    @Test("an owner that may not map its pool says that, and not that the pool does not fit")
    func addressSpace() throws {
        let cluster = try TestCluster(owners: 1)
        let configuration = try String(decoding: File.readAll("\(cluster.folder)/owner-1.yaml", limit: 65536), as: UTF8.self)
        let lines = configuration.split(separator: "\n").map { line in
            if line.hasPrefix("contribute_to_cluster_pool_size") { return "contribute_to_cluster_pool_size: 512MiB" }
            return line.hasPrefix("shared_") || line.hasPrefix("instance_key") ? "\(line)-narrow" : String(line)
        }
        try File.replace("\(cluster.folder)/narrow.yaml", with: Array(lines.joined(separator: "\n").utf8))
        // What an owner of 64 MiB needs, and not enough for half a gibibyte more.
        let number = try #require(cluster.owners[0].processID)
        let status = try String(decoding: File.readAll("/proc/\(number)/status", limit: 65536), as: UTF8.self)
        let size = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmSize:") }?.split(separator: " ").dropFirst().first)
        let limit = (Int(size) ?? 0) + (256 << 10)
        let narrow = RoleProcess(
            name: "narrow", executable: "/bin/bash",
            arguments: [
                "-c", "ulimit -v \(limit); exec \(TestCluster.products)/fluxon-owner --config \(cluster.folder)/narrow.yaml",
            ], folder: cluster.folder)
        #expect(throws: RoleFailure.self) { try narrow.start(within: .seconds(15)) }
        #expect(narrow.log.contains("ulimit -v") && !narrow.log.contains("does not fit"), "\(narrow.log)")
    }
}
