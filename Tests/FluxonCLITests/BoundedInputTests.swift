import FluxonCore
import FluxonSystem
import Testing

/// What a command reads or allocates has a bound, and meeting it is said.
@Suite(.timeLimit(.minutes(2))) struct BoundedInputTests {
    private let roles: StandInRoles
    private let owner: ServedOwner

    init() async throws {
        roles = try StandInRoles()
        owner = try await ServedOwner(folder: roles.folder)
    }

    private func fluxon(_ arguments: String...) throws -> (ending: ChildProcess.Ending?, output: String) {
        try roles.run(arguments, environment: ["FLUXON_ATTACH": owner.path])
    }

    @Test("what has no end is refused when it is more than the pool")
    func endless() throws {
        let put = try fluxon("kv", "put", "zero", "--file", "/dev/zero")
        #expect(put.ending == .exited(code: 1))
        #expect(put.output.contains("/dev/zero has more than") && put.output.contains("the size of the owner's pool"), "\(put.output)")
    }

    @Test("a pipe into which nobody writes is given up when the time that was given is over")
    func silent() throws {
        let pipe = "\(roles.folder)/pipe"
        // Opened both ways by the shell, so that neither opening nor reading finds an end.
        let script = "mkfifo \(pipe); exec 3<>\(pipe); exec \(roles.folder)/fluxon kv put k --file \(pipe) --timeout 200ms"
        let output = try File.open("\(roles.folder)/said", .createNew)
        let shell = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "FLUXON_ATTACH": owner.path],
            output: output)
        _ = try Kernel.waitReadable([shell.process.descriptor.number], timeout: .seconds(60))
        #expect(try shell.reap() == .exited(code: 1))
        #expect(try roles.text("\(roles.folder)/said").contains("was not read to its end within"))
    }

    @Test("a file that the kernel makes up is read to its end, though its size is none")
    func madeUp() throws {
        #expect(try fluxon("kv", "put", "status", "--file", "/proc/self/status").ending == .exited(code: 0))
        let size = try fluxon("kv", "size", "status")
        #expect(UInt64(size.output.dropLast()) ?? 0 > 100, "\(size.output)")
    }

    @Test("a size that this machine has no memory for is refused while the command line is read")
    func benchSizes() throws {
        let bench = try fluxon("bench", "--bytes", "1TB")
        #expect(bench.ending == .exited(code: 64))
        #expect(bench.output.contains("--bytes 1TB: must be at most"), "\(bench.output)")
    }
}
