import FluxonCore
import FluxonSystem
import Foundation
import Glibc
import Testing

@Suite(.timeLimit(.minutes(2))) struct DevCommandTests {
    private let roles: StandInRoles
    /// Nobody listens there: the stand-ins do not ask.
    private let etcd = ["--etcd", "http://127.0.0.1:1"]

    init() throws { roles = try StandInRoles() }

    /// Runs `fluxon dev` until it has printed `lines` lines that begin with `{`, then `body`, then Ctrl-C.
    private func serve(
        _ arguments: [String], lines: Int, environment: [String: String] = [:],
        body: ([JSONValue], borrowing Started) throws -> Void = { _, _ in }
    ) throws -> (ending: ChildProcess.Ending?, output: String) {
        let started = try roles.start(["dev", "--json"] + arguments, environment: environment)
        let printed = try ready(started, lines: lines)
        try body(printed, started)
        try started.child.process.signal(SIGINT)
        return (try started.end(), try started.output)
    }

    private func ready(_ started: borrowing Started, lines: Int) throws -> [JSONValue] {
        var texts: [Substring] = []
        let isReady = try started.wait {
            texts = try started.output.split(separator: "\n").filter { $0.hasPrefix("{") && $0.hasSuffix("}") }
            return texts.count == lines
        }
        let output = try started.output
        try #require(isReady, "\(output)")
        return try texts.map { try JSONValue(parsing: Array($0.utf8)) }
    }

    @Test("each process is one line of JSON with role, instance_key, pid, socket and address")
    func lines() throws {
        let result = try serve(etcd + ["--owners", "2"], lines: 5) { lines, _ in
            #expect(lines.map { $0["role"]?.text } == ["master", "owner", "owner", "external", "external"])
            #expect(lines.map { $0["instance_key"]?.text } == ["master-1", "owner-1", "owner-2", "external-1", "external-2"])
            for line in lines {
                let pid = Int32(truncatingIfNeeded: line["pid"]?.unsignedInteger ?? 0)
                #expect(kill(pid, 0) == 0, "\(pid) runs")
                #expect(getpgid(pid) == pid, "Ctrl-C of the terminal reaches the supervisor alone")
            }
            #expect(lines[1]["socket"]?.text?.hasSuffix("/run/owner-1/owner.sock") == true)
            #expect(lines[4]["socket"]?.text?.hasSuffix("/run/owner-2/external-2.sock") == true)
            #expect(NetworkEndpoint(lines[0]["address"]?.text ?? "") != nil)
        }
        #expect(result.ending == .exited(code: 0))
    }

    @Test("the configurations it writes are those that the roles read, with a share of the pool each")
    func configurations() throws {
        let work = "\(roles.folder)/work"
        _ = try serve(etcd + ["--owners", "3", "--workdir", work], lines: 7) { _, _ in
            let master = try MasterConfiguration(yaml: roles.text("\(work)/config/master-1.yaml"), file: "master-1.yaml")
            #expect(master.etcdEndpoints == [NetworkEndpoint(host: "127.0.0.1", port: 1)])
            let owners = try (1...3).map { try OwnerConfiguration(yaml: roles.text("\(work)/config/owner-\($0).yaml"), file: "owner.yaml") }
            #expect(Set(owners.map(\.sharedMemoryPath)).count == 3 && Set(owners.map(\.sharedFilePath)).count == 3)
            #expect(owners.map(\.poolBytes).reduce(0, +) <= 1 << 30)
            let external = try ExternalConfiguration(yaml: roles.text("\(work)/config/external-2.yaml"), file: "external-2.yaml")
            #expect(external.sharedFilePath == owners[1].sharedFilePath && external.clusterName == master.clusterName)
        }
        #expect(try File.readAll("\(work)/log/owner-1.log", limit: 1024).isEmpty, "a folder that was asked for is kept")
    }

    @Test(
        "a folder of any name is the one that the roles read, and the line for the shell names its socket",
        arguments: ["a #b", "a: b", "it's \"quoted\" \\ $HOME", "ü\u{7F}"])
    func foldersOfAnyName(name: String) throws {
        let work = "\(roles.folder)/\(name)"
        _ = try serve(etcd + ["--owners", "1", "--workdir", work], lines: 3) { _, _ in
            let owner = try OwnerConfiguration(yaml: roles.text("\(work)/config/owner-1.yaml"), file: "owner.yaml")
            let external = try ExternalConfiguration(yaml: roles.text("\(work)/config/external-1.yaml"), file: "external.yaml")
            #expect(owner.sharedFilePath == "\(work)/run/owner-1" && external.sharedFilePath == owner.sharedFilePath)
        }
        let started = try roles.start(["dev", "--owners", "1", "--workdir", work] + etcd)
        let isReady = try started.wait { try started.output.contains("Ready.") }
        try #require(isReady)
        let line = try #require(started.output.split(separator: "\n").first { $0.contains("export FLUXON_ATTACH=") })
        #expect(try roles.shell("\(line); printf %s \"$FLUXON_ATTACH\"").output == "\(work)/run/owner-1/external-1.sock")
        try started.child.process.signal(SIGINT)
        #expect(try started.end() == .exited(code: 0))
    }

    @Test("processes start after those they need and stop in reverse order")
    func order() throws {
        _ = try serve(etcd + ["--owners", "2"], lines: 5)
        let journal = roles.journal
        let kinds = journal.map { $0.split(separator: "-")[0] }
        #expect(
            kinds == ["start master", "start owner", "start owner", "start external", "start external"]
                + [
                    "stop external", "stop external", "stop owner", "stop owner", "stop master",
                ].map { Substring($0) }, "\(journal)")
    }

    @Test("a second signal ends at once what ignores the first")
    func stubborn() throws {
        let started = ContinuousClock.now
        let result = try serve(etcd + ["--owners", "1"], lines: 3, environment: ["STUBBORN": "owner-1"]) { _, started in
            try started.child.process.signal(SIGINT)
            // The owner is asked once the externals are gone.
            let isStopping = try started.wait { roles.journal.contains("stop external-1") }
            #expect(isStopping)
        }
        #expect(result.ending == .exited(code: 0))
        #expect(ContinuousClock.now - started < .seconds(9), "it did not wait for the grace to end")
    }

    @Test("a process that ends by itself is told, and the others go on")
    func ended() throws {
        let result = try serve(etcd + ["--owners", "1"], lines: 3) { lines, started in
            kill(Int32(truncatingIfNeeded: lines[1]["pid"]?.unsignedInteger ?? 0), SIGKILL)
            let isTold = try started.wait { try started.output.contains("owner-1 (pid") }
            #expect(isTold)
        }
        #expect(result.ending == .exited(code: 0))
        #expect(result.output.contains("ended: signal 9"))
        #expect(roles.journal.contains("stop master-1"))
    }

    @Test("children do not outlive a supervisor that is killed, and the next one frees the memory it left")
    func supervisorKilled() throws {
        let work = "\(roles.folder)/work"
        let started = try roles.start(["dev", "--json", "--owners", "1", "--workdir", work] + etcd)
        let lines = try ready(started, lines: 3)
        let left = try OwnerConfiguration(yaml: roles.text("\(work)/config/owner-1.yaml"), file: "owner.yaml").sharedMemoryPath
        try File.makeDirectories(left)
        let children = try lines.map { line in
            try ProcessDescriptor(processID: Int32(truncatingIfNeeded: line["pid"]?.unsignedInteger ?? 0)).descriptor.duplicate().release()
        }
        try started.child.process.signal(SIGKILL)
        #expect(try started.end() == .killed(signal: SIGKILL))
        for child in children {
            let descriptor = Descriptor(owning: child)
            #expect(try Kernel.waitReadable([descriptor.number], timeout: .seconds(30)) == [true])
        }
        _ = try serve(etcd + ["--owners", "1", "--workdir", work], lines: 3)
        #expect(!isThere(left))
    }

    private func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test("what cannot start is named with the end of its log, and everything else is stopped")
    func refused() throws {
        let result = try roles.run(["dev", "--owners", "2"] + etcd, environment: ["REFUSE": "owner-2"])
        #expect(result.ending == .exited(code: 1))
        #expect(result.output.contains("owner-2 ended before it was ready (exit 1)"), "\(result.output)")
        #expect(result.output.contains("| pool too large: 9 GiB of 2 free"))
        #expect(roles.journal.contains("stop master-1"))
    }

    @Test("what a process waits for is said, once, while it starts")
    func waiting() throws {
        let result = try roles.run(["dev", "--owners", "2"] + etcd, environment: ["WAITS": "master-1", "REFUSE": "owner-2"])
        let words = "fluxon dev: master-1 waits: no etcd answers; start it"
        #expect(result.output.components(separatedBy: words).count == 2, "\(result.output)")
    }

    @Test("two of them do not share a folder")
    func lockedFolder() throws {
        let work = "\(roles.folder)/work"
        _ = try serve(etcd + ["--owners", "1", "--workdir", work], lines: 3) { _, _ in
            let second = try roles.run(["dev", "--owners", "1", "--workdir", work] + etcd)
            #expect(second.ending == .exited(code: 1))
            #expect(second.output.contains("another `fluxon dev` runs in"))
        }
    }

    @Test(
        "wrong usage is exit 64 and names the option",
        arguments: [
            (["--owners", "0"], "--owners 0: must be 1 to 32"), (["--without-master"], "with --etcd URL"),
            (["--etcd", "nowhere"], "--etcd nowhere: must be"),
            (["--prefix", "ä"], "--prefix: must be letters"), (["--cluster-name", ""], "--cluster-name: must be letters"),
            (["--hlep"], "Unknown option"),
            (["--etcd", "a:1", "--workdir", "/tmp/" + String(repeating: "x", count: 100)], "give a shorter --workdir"),
        ])
    func usage(arguments: [String], words: String) throws {
        let result = try roles.run(["dev"] + arguments)
        #expect(result.ending == .exited(code: 64))
        #expect(result.output.contains(words), "\(result.output)")
    }

    @Test("--without-master starts owners and externals alone, named with the prefix")
    func withoutMaster() throws {
        _ = try serve(etcd + ["--without-master", "--owners", "1", "--prefix", "b-"], lines: 2) { lines, _ in
            #expect(lines.map { $0["instance_key"]?.text } == ["b-owner-1", "b-external-1"])
        }
        #expect(!roles.journal.contains { $0.contains("master") })
    }

    @Test("without --etcd the master keeps the metadata in a file, where the others find it")
    func embeddedMetadata() throws {
        let work = "\(roles.folder)/work"
        // An earlier run's, whose owners this run's master would wait for.
        try File.makeDirectories(work)
        try File.replace("\(work)/metadata.sqlite", with: [1])
        _ = try serve(["--owners", "1", "--workdir", work], lines: 3) { _, _ in
            #expect(!isThere("\(work)/metadata.sqlite"))
            let master = try MasterConfiguration(yaml: roles.text("\(work)/config/master-1.yaml"), file: "master-1.yaml")
            #expect(master.embeddedMetadata?.path == "\(work)/metadata.sqlite")
            let owner = try OwnerConfiguration(yaml: roles.text("\(work)/config/owner-1.yaml"), file: "owner-1.yaml")
            #expect(owner.etcdEndpoints == master.etcdEndpoints && owner.etcdEndpoints.count == 1)
        }
    }
}
