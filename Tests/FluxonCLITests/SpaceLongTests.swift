import FluxonCore
import FluxonSystem
import Testing

/// One process a value, as scripts do it (issue A1).
@Suite(.serialized, .timeLimit(.minutes(3))) struct SpaceLongTests {
    @Test("300 runs of `kv put`, one after the other, all succeed, with a short key or a long one; then a large value fits")
    func manyProcesses() async throws {
        let roles = try StandInRoles()
        let owner = try await ServedOwner(folder: roles.folder)
        let script = """
            f=\(roles.folder)/fluxon; long=$(printf '%01000d' 0)
            for i in $(seq 150); do head -c 1024 /dev/zero | $f kv put k$i || exit 1; echo x | $f kv put $long$i || exit 1; done 2>/dev/null
            for i in $(seq 150); do $f kv exists k$i || exit 1; done >/dev/null
            head -c 50000000 /dev/zero | $f kv put large 2>/dev/null
            """
        let shell = try ChildProcess(
            executable: "/bin/bash", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "FLUXON_ATTACH": owner.path],
            output: try File.open("\(roles.folder)/output", .createNew))
        _ = try Kernel.waitReadable([shell.process.descriptor.number], timeout: .seconds(170))
        #expect(try shell.reap() == .exited(code: 0))
    }

    @Test("a measurement that is interrupted, or that fails, removes its keys")
    func interruptedBench() async throws {
        let roles = try StandInRoles()
        let owner = try await ServedOwner(folder: roles.folder)
        let script = """
            f=\(roles.folder)/fluxon
            $f bench --case 'local put' --bytes 4KiB --duration 60s >/dev/null 2>&1 & p=$!
            until $f kv exists fluxon-bench/put/0 >/dev/null; do :; done
            kill -TERM $p; wait $p; r=$?
            $f kv exists fluxon-bench/put/0 >/dev/null && exit 7
            exit $r
            """
        let shell = try ChildProcess(
            executable: "/bin/bash", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "FLUXON_ATTACH": owner.path],
            output: try File.open("\(roles.folder)/output", .createNew))
        _ = try Kernel.waitReadable([shell.process.descriptor.number], timeout: .seconds(100))
        #expect(try shell.reap() == .exited(code: 1))
    }
}
