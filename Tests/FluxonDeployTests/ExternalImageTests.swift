import FluxonSystem
import FluxonTestFiles
import Testing

/// A start script of `ext_images`, as its contract names it.
struct StartScript: Sendable, CustomTestStringConvertible {
    var path: String
    var binary: String
    var array: String
    var example: String
    var testDescription: String { path }

    static let all = [
        StartScript(path: "etcd/start.sh", binary: "etcd/etcd", array: "ETCD_ARGS", example: "etcd/etcd.conf.sh"),
        StartScript(path: "greptime/start.sh", binary: "greptime/greptime", array: "GREPTIME_ARGS", example: "greptime/greptime.conf.sh"),
        StartScript(path: "tikv/start_pd.sh", binary: "tikv/pd-server", array: "PD_ARGS", example: "tikv/pd.conf.sh"),
        StartScript(path: "tikv/start_tikv.sh", binary: "tikv/tikv-server", array: "TIKV_ARGS", example: "tikv/tikv.conf.sh"),
    ]
}

@Suite(.timeLimit(.minutes(2))) struct ExternalImageTests {
    /// A copy of `ext_images` without binaries, and the path of the script in it.
    private let folder: String
    private var images: String { "\(folder)/ext images" }

    init() throws {
        folder = try TestFolder.make()
        let copy = try Repository.run("/bin/cp", ["-r", "\(Repository.root)/ext_images", "\(folder)/ext images"], in: folder)
        try #require(copy.ending == .exited(code: 0), "\(copy.output)")
        for script in StartScript.all { try File.remove("\(folder)/ext images/\(script.binary)") }
        try File.remove("\(folder)/ext images/etcd/etcdctl")
    }

    private func place(_ text: String, at path: String) throws {
        try File.replace(path, with: Array(text.utf8), permissions: 0o755)
    }

    /// A stand-in that tells its process id, its working folder and its arguments, one a line.
    private func placeStandIn(_ script: StartScript) throws {
        try place(
            "#!/bin/sh\necho \"pid $$\"\nfor word; do printf 'argument <%s>\\n' \"$word\"; done\nexit 5\n", at: "\(images)/\(script.binary)"
        )
    }

    private func start(_ script: StartScript, _ arguments: [String]) throws -> Repository.Result {
        try Repository.run("\(images)/\(script.path)", arguments, in: folder)
    }

    @Test("the script becomes the program: its process id, its arguments word for word, its exit code", arguments: StartScript.all)
    func becomes(script: StartScript) throws {
        try placeStandIn(script)
        try place("\(script.array)=(--data \"$WORKDIR/a b\" '' '*' \"c\nd\")\n", at: "\(folder)/one.conf")
        for options in [
            ["--config", "\(folder)/one.conf", "--workdir", "\(folder)/work dir"],
            ["-w", "\(folder)/work dir/", "-c", "\(folder)/one.conf"],
        ] {
            let result = try start(script, options)
            #expect(result.ending == .exited(code: 5))
            #expect(
                result.output
                    == "pid \(result.processID)\nargument <--data>\nargument <\(folder)/work dir/a b>\nargument <>\nargument <*>\nargument <c\nd>\n"
            )
        }
        #expect(try Repository.run("/bin/ls", ["-d", "\(folder)/work dir"], in: folder).ending == .exited(code: 0))
    }

    @Test("a relative workdir and configuration are made absolute")
    func relative() throws {
        let script = StartScript.all[0]
        try placeStandIn(script)
        try place("\(script.array)=(\"$WORKDIR\")\n", at: "\(folder)/one.conf")
        let result = try Repository.run(
            "/bin/sh", ["-c", "cd '\(folder)' && exec 'ext images/\(script.path)' -c one.conf -w here/below"], in: folder)
        #expect(result.output.hasSuffix("argument <\(folder)/here/below>\n"), "\(result.output)")
    }

    @Test("what is missing is named, with exit 64", arguments: StartScript.all)
    func missing(script: StartScript) throws {
        try place("\(script.array)=()\n", at: "\(folder)/empty.conf")
        try place("OTHER=(a)\n", at: "\(folder)/other.conf")
        try place("\(script.array)=text\n", at: "\(folder)/scalar.conf")
        try place("\(script.array)=(\n", at: "\(folder)/broken.conf")

        let work = ["--workdir", "\(folder)/work"]
        let binary = try start(script, work + ["--config", "\(folder)/empty.conf"])
        #expect(binary.ending == .exited(code: 64))
        #expect(binary.output.contains("\(images)/\(script.binary)' is missing"), "\(binary.output)")

        try placeStandIn(script)
        let cases: [(arguments: [String], words: String)] = [
            ([], "--config FILE is missing"), (["-c", "\(folder)/empty.conf"], "--workdir DIR is missing"),
            (work + ["--config"], "--config needs a value"),
            (work + ["-c", "\(folder)/nowhere.conf"], "'\(folder)/nowhere.conf' is missing"),
            (work + ["-c", "\(folder)/other.conf"], "does not set the array \(script.array)"),
            (work + ["-c", "\(folder)/scalar.conf"], "does not set the array \(script.array)"),
            (work + ["-c", "\(folder)/broken.conf"], "broken.conf' failed"),
            (work + ["-c", "\(folder)/empty.conf", "--verbose"], "unknown argument '--verbose'"),
        ]
        for (arguments, words) in cases {
            let result = try start(script, arguments)
            #expect(result.ending == .exited(code: 64), "\(arguments)")
            #expect(result.output.contains(words), "\(arguments): \(result.output)")
        }
        #expect(try start(script, work + ["-c", "\(folder)/empty.conf"]).ending == .exited(code: 5), "an empty array is an array")
    }

    @Test("the example configuration beside each script sets its array", arguments: StartScript.all)
    func examples(script: StartScript) throws {
        try placeStandIn(script)
        let result = try start(script, ["-c", "\(images)/\(script.example)", "-w", "\(folder)/work"])
        #expect(result.ending == .exited(code: 5))
        #expect(result.output.contains("\(folder)/work/"), "\(result.output)")
    }

    @Test(
        "fetch puts Debian's etcd there, and etcd runs for real", .enabled(if: isInstalled("/usr/bin/etcd"), "needs Debian's etcd-server"))
    func etcdForReal() throws {
        let fetched = try Repository.run("\(images)/fetch", [], in: folder)
        #expect(fetched.ending == .exited(code: 0), "\(fetched.output)")
        #expect(fetched.output.split(separator: "\n").filter { $0.contains("place ") }.count == 3, "\(fetched.output)")

        let notifications = try ServiceNotificationSocket(path: "\(folder)/n")
        let client = try Kernel.freeLoopbackPort()
        let peer = try Kernel.freeLoopbackPort()
        let text = try File.readAll("\(images)/etcd/etcd.conf.sh", limit: 65536)
        let configuration = String(decoding: text, as: UTF8.self).replacing("2379", with: "\(client)").replacing("2380", with: "\(peer)")
        try place(configuration, at: "\(folder)/etcd.conf")
        let log = try File.open("\(folder)/etcd.log", .createNew)
        let etcd = try ChildProcess(
            executable: "\(images)/etcd/start.sh", arguments: ["-c", "\(folder)/etcd.conf", "-w", "\(folder)/etcd"],
            environment: ["PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": notifications.path], output: log)
        let readable = try Kernel.waitReadable([notifications.descriptor.number, etcd.process.descriptor.number], timeout: .seconds(60))
        let words = try File.readAll("\(folder)/etcd.log", limit: 1 << 20)
        #expect(readable == [true, false], "\(String(decoding: words, as: UTF8.self))")
        #expect(try notifications.receive().contains(.ready))

        let control = try Repository.run(
            "\(images)/etcd/etcdctl", ["--endpoints=127.0.0.1:\(client)", "put", "key", "value"], environment: ["ETCDCTL_API": "3"],
            in: folder)
        #expect(control.output == "OK\n")
        #expect(try File.open("\(folder)/etcd/data/member/snap/db", .read).number >= 0)
        try etcd.process.signal(15)
        _ = try Kernel.waitReadable([etcd.process.descriptor.number], timeout: .seconds(30))
        #expect(try etcd.reap() != nil)
    }
}
