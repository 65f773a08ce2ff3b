import FluxonSystem
import FluxonTestFiles
import Glibc

/// A folder with the real `fluxon` and stand-ins for the roles, which record what they are told and say that they are ready.
struct StandInRoles {
    let folder: String

    /// The folder that the tests' own executable was built into, with `fluxon` beside it.
    static var products: String {
        guard let path = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(path) }
        return "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
    }

    private static let role = """
        #!/usr/bin/python3
        import os, signal, socket, sys
        name = os.path.basename(sys.argv[2])[:-5]
        journal = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "journal")
        def note(event):
            with open(journal, "a") as file: file.write(event + " " + name + "\\n")
        def notify(text):
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
        def stop(*_):
            note("stop")
            sys.exit(0)
        if os.environ.get("REFUSE") == name:
            print("pool too large: 9 GiB of 2 free")
            sys.exit(1)
        if os.environ.get("STUBBORN") == name: signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else: signal.signal(signal.SIGTERM, stop)
        note("start")
        notify("STATUS=starting")
        if os.environ.get("WAITS") == name:
            for _ in range(3): notify("STATUS=waits: no etcd answers; start it")
        notify("READY=1")
        while True: signal.pause()
        """

    init() throws {
        folder = try TestFolder.make()
        guard link("\(Self.products)/fluxon", "\(folder)/fluxon") == 0 else {
            try File.replace("\(folder)/fluxon", with: try File.readAll("\(Self.products)/fluxon", limit: 1 << 30), permissions: 0o755)
            try placeRoles()
            return
        }
        try placeRoles()
    }

    private func placeRoles() throws {
        for role in ["master", "owner", "external"] {
            try File.replace("\(folder)/fluxon-\(role)", with: Array(Self.role.utf8), permissions: 0o755)
        }
    }

    func text(_ path: String) throws -> String { String(decoding: try File.readAll(path, limit: 1 << 20), as: UTF8.self) }
    var journal: [Substring] { ((try? text("\(folder)/journal")) ?? "").split(separator: "\n") }

    /// `fluxon` running; its output goes to `outputPath`.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Started {
        let path = "\(folder)/output-\(UInt32.random(in: 0 ... .max))"
        let output = try File.open(path, .createNew)
        var variables = ["PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": folder]
        variables.merge(environment) { $1 }
        return Started(
            child: try ChildProcess(executable: "\(folder)/fluxon", arguments: arguments, environment: variables, output: output),
            outputPath: path)
    }

    /// A script of the shell run to its end; standard output and error come together.
    func shell(_ script: String, environment: [String: String] = [:]) throws -> (ending: ChildProcess.Ending?, output: String) {
        let path = "\(folder)/shell-\(UInt32.random(in: 0 ... .max))"
        let child = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"].merging(environment) { $1 },
            output: File.open(path, .createNew))
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(60))
        return (try child.reap(), try text(path))
    }

    /// `fluxon` run to its end, at most 60 s.
    func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (ending: ChildProcess.Ending?, output: String) {
        let started = try start(arguments, environment: environment)
        let ending = try started.end()
        return (ending, try started.output)
    }
}

/// A running `fluxon`.
struct Started: ~Copyable {
    let child: ChildProcess
    let outputPath: String

    var output: String {
        get throws { String(decoding: try File.readAll(outputPath, limit: 1 << 20), as: UTF8.self) }
    }

    /// Waits at most 60 s.
    func end() throws -> ChildProcess.Ending? {
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(60))
        return try child.reap()
    }

    /// Returns when `condition` holds, looking whenever 10 ms have passed; false when `fluxon` ends before.
    func wait(until condition: () throws -> Bool) throws -> Bool {
        while try !condition() {
            if try Kernel.waitReadable([child.process.descriptor.number], timeout: .milliseconds(10))[0] { return false }
        }
        return true
    }
}
