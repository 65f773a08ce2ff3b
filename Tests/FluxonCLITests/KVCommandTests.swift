import FluxonCore
import FluxonSystem
import Testing

@Suite(.timeLimit(.minutes(2))) struct KVCommandTests {
    private let roles: StandInRoles
    private let owner: ServedOwner

    init() async throws {
        roles = try StandInRoles()
        owner = try await ServedOwner(folder: roles.folder)
    }

    private func fluxon(_ arguments: String...) throws -> (ending: ChildProcess.Ending?, output: String) {
        try roles.run(arguments, environment: ["FLUXON_ATTACH": owner.path])
    }

    private func json(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: Array(text.split(separator: "\n").last { $0.hasPrefix("{") }.map(String.init)?.utf8 ?? "".utf8))
    }

    @Test("a file that was put is got byte for byte, and what a script needs to know stands in the objects")
    func files() throws {
        // More than one piece, and no whole number of them.
        let pattern = (0..<65_537).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let content = Array(repeatElement(pattern, count: 140).joined())
        try File.replace("\(roles.folder)/in", with: content)
        let put = try fluxon("kv", "put", "big", "--file", "\(roles.folder)/in", "--json")
        #expect(put.ending == .exited(code: 0), "\(put.output)")
        #expect(try json(put.output)["bytes"]?.unsignedInteger == UInt64(content.count))
        #expect(try json(put.output)["version"]?.text == "1.1")
        #expect(try json(put.output)["gb_per_s"]?.double ?? 0 > 0)

        let got = try fluxon("kv", "get", "big", "--output", "\(roles.folder)/out", "--json")
        #expect(got.ending == .exited(code: 0), "\(got.output)")
        #expect(try File.readAll("\(roles.folder)/out", limit: 1 << 30) == content)
        #expect(try json(got.output)["fetch_seconds"]?.double ?? 0 > 0)
        let size = try fluxon("kv", "size", "big")
        #expect(size.output == "\(content.count)\n")
    }

    @Test("standard input and output are the default")
    func pipes() throws {
        let script = "printf 'a\\0b' | \(roles.folder)/fluxon kv put small && \(roles.folder)/fluxon kv get small | od -An -c"
        let output = try File.open("\(roles.folder)/piped", .createNew)
        let shell = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "FLUXON_ATTACH": owner.path],
            output: output)
        _ = try Kernel.waitReadable([shell.process.descriptor.number], timeout: .seconds(60))
        #expect(try shell.reap() == .exited(code: 0))
        let text = try roles.text("\(roles.folder)/piped")
        #expect(text.contains("small: 3 B in") && text.hasSuffix("   a  \\0   b\n"), "\(text)")
    }

    @Test("ls lists every page's keys so that each stays on its line, and rm --prefix removes those that are there")
    func lists() throws {
        #expect(try fluxon("kv", "ls").output == "a/one\n\\xff\\x01\na/two\\x0a\n")
        #expect(try fluxon("kv", "ls", "a/", "--limit", "1", "--long").output == "7.3\t4096\t2\ta/one\n")
        let objects = try fluxon("kv", "ls", "--json").output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
        #expect(objects.count == 3 && objects[1]["key_base64"]?.text == "/wE=" && objects[2]["key"]?.text == "a/two\n")
        #expect(objects[0]["holders"]?.unsignedInteger == 2 && objects[0]["bytes"]?.unsignedInteger == 4096)

        try File.replace("\(roles.folder)/x", with: [1])
        #expect(try fluxon("kv", "put", "a/one", "--file", "\(roles.folder)/x").ending == .exited(code: 0))
        let removed = try fluxon("kv", "rm", "--prefix", "a/")
        #expect(removed.ending == .exited(code: 0) && removed.output == "removed 1\n", "\(removed.output)")
        #expect(try fluxon("kv", "exists", "a/one").ending == .exited(code: 3))
        #expect(try fluxon("kv", "rm", "--prefix", "a/").ending == .exited(code: 3))
        for wrong in [["kv", "rm"], ["kv", "rm", "k", "--prefix", "a"], ["kv", "rm", "--prefix", ""], ["kv", "ls", "--limit", "0"]] {
            #expect(try roles.run(wrong, environment: ["FLUXON_ATTACH": owner.path]).ending == .exited(code: 64), "\(wrong)")
        }
    }

    @Test("a key of bytes that are no text is that key, and not what its text would be")
    func binaryKey() throws {
        let script =
            "k=$(printf '\\377\\1'); f=\(roles.folder)/fluxon; echo x | $f kv put \"$k\" >&2 && $f kv get \"$k\"; "
            + "$f kv exists $(printf '\\376\\1'); $f kv exists $(printf '\\357\\277\\275\\1')"
        let output = try File.open("\(roles.folder)/binary-key", .createNew)
        let shell = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "FLUXON_ATTACH": owner.path],
            output: output)
        _ = try Kernel.waitReadable([shell.process.descriptor.number], timeout: .seconds(60))
        #expect(try shell.reap() == .exited(code: 3))
        let text = try roles.text("\(roles.folder)/binary-key")
        #expect(text.hasSuffix("x\nno\nno\n"), "\(text)")
    }

    @Test("with --json alone the value is in the object: text where it is UTF-8, else base64")
    func inline() throws {
        try File.replace("\(roles.folder)/text", with: Array("grüß\n".utf8))
        try File.replace("\(roles.folder)/binary", with: [0xFF, 0x00])
        _ = try fluxon("kv", "put", "text", "--file", "\(roles.folder)/text")
        _ = try fluxon("kv", "put", "binary", "--file", "\(roles.folder)/binary")
        #expect(try json(fluxon("kv", "get", "text", "--json").output)["text"]?.text == "grüß\n")
        #expect(try json(fluxon("kv", "get", "binary", "--json").output)["base64"]?.text == "/wA=")
    }

    @Test("no such key is exit 3 in every command that looks for one")
    func noSuchKey() throws {
        for command in ["get", "rm", "size"] {
            let result = try fluxon("kv", command, "nothing")
            #expect(result.ending == .exited(code: 3))
            #expect(result.output == "fluxon: no such key: 'nothing'\n")
        }
        let exists = try fluxon("kv", "exists", "nothing", "--json")
        #expect(exists.ending == .exited(code: 3))
        #expect(exists.output == "{\"key\": \"nothing\", \"exists\": false}\n")
        let object = try json(fluxon("kv", "get", "nothing", "--json").output)
        #expect(object["error"]?.text == "no such key: 'nothing'" && object["exit_code"]?.unsignedInteger == 3)
    }

    @Test("a removed value is gone, and an empty value is one")
    func removal() throws {
        try File.replace("\(roles.folder)/empty", with: [])
        #expect(try fluxon("kv", "put", "k", "--file", "\(roles.folder)/empty").ending == .exited(code: 0))
        #expect(try fluxon("kv", "exists", "k").output == "yes\n")
        #expect(try fluxon("kv", "get", "k", "--output", "\(roles.folder)/got").ending == .exited(code: 0))
        #expect(try File.readAll("\(roles.folder)/got", limit: 1).isEmpty)
        #expect(try fluxon("kv", "rm", "k").ending == .exited(code: 0))
        #expect(try fluxon("kv", "rm", "k").ending == .exited(code: 3))
    }

    @Test("wrong usage is exit 64 and says what would do")
    func usage() throws {
        let cases: [(arguments: [String], words: String)] = [
            (["kv", "get", ""], "a key has 1 to 1024 bytes, this one 0"),
            (["kv", "get", String(repeating: "k", count: 1025)], "this one 1025"),
            (["kv", "get"], "Missing expected argument '<key>'"), (["kv", "get", "k", "--timeout", "30"], "--timeout 30: must be a time"),
            (["bench", "--case", "nothing"], "no case has this in its name"),
            (["bench", "--bytes", "many"], "--bytes many: must be a size"),
        ]
        for (arguments, words) in cases {
            let result = try roles.run(arguments, environment: ["FLUXON_ATTACH": owner.path])
            #expect(result.ending == .exited(code: 64), "\(arguments)")
            #expect(result.output.contains(words), "\(result.output)")
        }
        let nowhere = try roles.run(["kv", "get", "k"])
        #expect(nowhere.ending == .exited(code: 64))
        #expect(nowhere.output.contains("give --attach PATH or set FLUXON_ATTACH"))
    }

    @Test("an answer that cannot be written is exit 1, whatever the command came to")
    func fullDisk() throws {
        try File.replace("\(roles.folder)/text", with: Array("hello\n".utf8))
        _ = try fluxon("kv", "put", "k", "--file", "\(roles.folder)/text")
        let f = "\(roles.folder)/fluxon"
        for arguments in [
            "kv get k", "kv get k --json", "kv size k", "kv exists k", "kv exists nothing", "kv size nothing --json", "members --json",
            "status",
            "status --json", "metrics", "metrics --json", "network list", "--help",
        ] {
            let shell = try roles.shell("\(f) \(arguments) > /dev/full", environment: ["FLUXON_ATTACH": owner.path])
            #expect(shell.ending == .exited(code: 1), "\(arguments): \(shell.output)")
            #expect(shell.output.contains("fluxon: cannot write standard output: No space left on device"), "\(arguments): \(shell.output)")
        }
    }

    @Test("a file that says it has no size is read to its end")
    func sizelessFile() throws {
        let put = try fluxon("kv", "put", "k", "--file", "/proc/self/status", "--json")
        #expect(put.ending == .exited(code: 0), "\(put.output)")
        #expect(try json(put.output)["bytes"]?.unsignedInteger ?? 0 > 100)
        #expect(try fluxon("kv", "get", "k").output.hasPrefix("Name:\tfluxon\n"))
    }

    @Test("names of files are bytes: two that are the same as text are two, and each command takes its own")
    func binaryNames() throws {
        let f = "\(roles.folder)/fluxon"
        let script = """
            set -e; cd \(roles.folder); a=$(printf 'x\\377'); b=$(printf 'x\\376')
            echo one > "$a"; echo two > "$b"
            \(f) kv put "$b" --file "$a" >&2; \(f) kv put "$a" --file "$b" >&2
            \(f) kv get "$a"; \(f) kv get "$b" --output "$b.out" > /dev/null; cat "$b.out"
            ln -s \(owner.path) "$a.sock"; \(f) kv size "$a" --attach "$a.sock"; FLUXON_ATTACH="$a.sock" \(f) kv size "$a"
            """
        let shell = try roles.shell(script, environment: ["FLUXON_ATTACH": owner.path])
        #expect(shell.ending == .exited(code: 0))
        #expect(shell.output.hasSuffix("two\none\n4\n4\n"), "\(shell.output)")
    }

    @Test("what an operation failed with has its code for scripts, and its key for people")
    func errorCode() throws {
        try File.replace("\(roles.folder)/large", with: [UInt8](repeating: 1, count: 80 << 20))
        let result = try fluxon("kv", "put", "a\nb", "--file", "\(roles.folder)/large", "--json")
        #expect(result.ending == .exited(code: 1))
        let object = try json(result.output)
        #expect(object["code"]?.text == "value_too_large" && object["exit_code"]?.unsignedInteger == 1)
        #expect(object["error"]?.text?.hasPrefix("put 'a\\nb': ") == true, "\(result.output)")
        let nobody = try roles.run(["kv", "get", "k", "--json", "--attach", "\(roles.folder)/nobody.sock"])
        #expect(try json(nobody.output)["code"]?.text == "connection_failed")
    }

    @Test("what failed is exit 1 with what was tried and why")
    func failures() throws {
        let nobody = try roles.run(["kv", "get", "k", "--attach", "\(roles.folder)/nobody.sock"])
        #expect(nobody.ending == .exited(code: 1))
        #expect(nobody.output.contains("\(roles.folder)/nobody.sock"), "\(nobody.output)")
        let folder = try fluxon("kv", "put", "k", "--file", roles.folder)
        #expect(folder.ending == .exited(code: 1) && folder.output.contains("is a folder"), "\(folder.output)")
        let missing = try fluxon("kv", "put", "k", "--file", "\(roles.folder)/missing")
        #expect(missing.ending == .exited(code: 1) && missing.output.contains("No such file"), "\(missing.output)")
        try File.replace("\(roles.folder)/large", with: [UInt8](repeating: 1, count: 80 << 20))
        let large = try fluxon("kv", "put", "k", "--file", "\(roles.folder)/large")
        #expect(large.ending == .exited(code: 1) && large.output.contains("83886080"), "\(large.output)")
    }
}
