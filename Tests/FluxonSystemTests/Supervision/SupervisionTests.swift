import FluxonSystem
import FluxonTestFiles
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct SupervisionTests {
    private let folder: String

    init() throws {
        folder = try TestFolder.make()
    }

    private func ending(of child: borrowing ChildProcess) throws -> ChildProcess.Ending? {
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(30))
        return try child.reap()
    }

    private func run(_ script: String, environment: [String: String] = [:]) throws -> (ending: ChildProcess.Ending?, output: String) {
        let path = "\(folder)/output-\(UInt32.random(in: 0 ... .max))"
        let output = try File.open(path, .createNew)
        let child = try ChildProcess(executable: "/bin/sh", arguments: ["-c", script], environment: environment, output: output)
        return (try ending(of: child), String(decoding: try File.readAll(path, limit: 4096), as: UTF8.self))
    }

    @Test("a child's output and how it ended are told")
    func endings() throws {
        let exited = try run("echo out; echo err >&2; exit 7")
        #expect(exited.ending == .exited(code: 7))
        #expect(exited.output == "out\nerr\n")
        #expect(try run("kill -9 $$").ending == .killed(signal: 9))
    }

    @Test("a child gets exactly the environment given, nothing on its input, and a process group of its own")
    func surroundings() throws {
        let result = try run(
            "cat; echo \"$WORD\"; env | wc -l; test \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$ && echo group", environment: ["WORD": "a b"])
        #expect(result.output.hasPrefix("a b\n"))
        #expect(result.output.hasSuffix("group\n"))
    }

    @Test("a program that is not there is an error at once")
    func missing() throws {
        let output = try File.open("\(folder)/missing", .createNew)
        var refusal: SystemError?
        do throws(SystemError) {
            let child = try ChildProcess(executable: "\(folder)/nothing", arguments: [], environment: [:], output: output)
            _ = try? ending(of: child)
        } catch {
            refusal = error
        }
        #expect(refusal?.isRefused == true)
    }

    @Test("a child that runs has no ending yet, and goes on a signal")
    func signals() throws {
        let output = try File.open("\(folder)/signals", .createNew)
        let child = try ChildProcess(executable: "/bin/sleep", arguments: ["600"], environment: [:], output: output)
        #expect(try child.reap() == nil)
        try child.process.signal(15)
        #expect(try ending(of: child) == .killed(signal: 15))
    }

    @Test("children die with the process that started them")
    func parentDeath() throws {
        // This process cannot die for the test, so what it asks the kernel for is read back.
        let result = try run(
            "exec python3 -c 'import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)'",
            environment: ["PATH": "/usr/bin:/bin:/usr/local/bin"])
        #expect(result.output == "9\n")
    }

    @Test("notifications arrive in order, several lines in one or not")
    func notifications() throws {
        let socket = try ServiceNotificationSocket(path: "\(folder)/n")
        #expect(try socket.receive() == [])
        let script = """
            import os, socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            for text in ["STATUS=reserving", "MAINPID=1\\nREADY=1\\nSTATUS=a=b", "STOPPING=1"]:
                s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
            """
        try File.replace("\(folder)/n.py", with: Array(script.utf8))
        let sent = try run("python3 \(folder)/n.py", environment: ["NOTIFY_SOCKET": socket.path, "PATH": "/usr/bin:/bin:/usr/local/bin"])
        #expect(sent.ending == .exited(code: 0), "\(sent.output)")
        #expect(try socket.receive() == [.status("reserving"), .ready, .status("a=b"), .stopping])
    }

    @Test("a manager that does not read never stops the process that notifies it", .timeLimit(.minutes(1)))
    func unreadNotifications() throws {
        let socket = try ServiceNotificationSocket(path: "\(folder)/u")
        // More than net.unix.max_dgram_qlen, 10 or 512.
        for _ in 0..<2000 { ServiceNotifier.send("READY=1", to: socket.path) }
        let received = try socket.receive()
        #expect(!received.isEmpty && received.count < 2000 && received.allSatisfy { $0 == .ready })
    }

    @Test("a notification socket's path that the kernel would cut is refused")
    func longPath() {
        #expect(throws: SystemError.self) { _ = try ServiceNotificationSocket(path: "\(folder)/" + String(repeating: "n", count: 108)) }
    }

    @Test("a free port is one of the unprivileged")
    func freePort() throws {
        #expect(try Kernel.freeLoopbackPort() > 1023)
    }
}
