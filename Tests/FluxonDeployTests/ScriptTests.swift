import FluxonSystem
import FluxonTestFiles
import Testing

@Suite(.timeLimit(.minutes(1))) struct ScriptTests {
    private let folder: String

    init() throws { folder = try TestFolder.make() }

    @Test(
        "every script is bash that parses",
        arguments: [
            "scripts/demo", "scripts/test", "scripts/install-packages", "scripts/install", "scripts/commit", "scripts/day", ".ci/run",
            "ext_images/fetch",
            "ext_images/launch.sh",
            "ext_images/etcd/start.sh", "scripts/rdma-vm", "scripts/test-rdma", "scripts/rdma/prepare",
            "ext_images/greptime/start.sh", "ext_images/tikv/start_pd.sh", "ext_images/tikv/start_tikv.sh",
        ])
    func parses(path: String) throws {
        let result = try Repository.run("/bin/bash", ["-n", "\(Repository.root)/\(path)"], in: folder)
        #expect(result.ending == .exited(code: 0), "\(result.output)")
    }

    @Test(
        "a script explains itself",
        arguments: [
            "scripts/demo", "scripts/test", "scripts/install-packages", "scripts/install", "scripts/day", "ext_images/fetch",
            "ext_images/etcd/start.sh",
            "scripts/rdma-vm",
            "scripts/test-rdma",
        ])
    func help(path: String) throws {
        let result = try Repository.run("\(Repository.root)/\(path)", ["--help"], in: folder)
        #expect(result.ending == .exited(code: 0))
        #expect(result.output.hasPrefix("usage: "), "\(result.output)")
    }

    @Test(
        "wrong usage is exit 64",
        arguments: [
            ("scripts/demo", "--fast"), ("scripts/demo", "/no/such/file"), ("scripts/install-packages", "all"),
            ("ext_images/fetch", "etcd"), ("scripts/rdma-vm", "--devices"), ("scripts/rdma-vm", "--hardware"),
            ("scripts/day", "--hours"), ("scripts/day", "--fast"), ("scripts/install", "relative"), ("scripts/install", "--built"),
            ("scripts/test-rdma", "--slow"),
            ("scripts/test-rdma", "--path"),
        ])
    func usage(path: String, argument: String) throws {
        #expect(try Repository.run("\(Repository.root)/\(path)", [argument], in: folder).ending == .exited(code: 64))
    }

    @Test("what is installed already is not installed again")
    func installed() throws {
        let result = try Repository.run("\(Repository.root)/scripts/install-packages", ["build", "--print"], in: folder)
        #expect(result.ending == .exited(code: 0))
        #expect(result.output.isEmpty, "these tests were built, so nothing can be missing")
    }

    @Test("where no emulated machine can be had, that is a skip with its reason")
    func noMachine() throws {
        // Nobody can make a folder there, whatever else is missing.
        let result = try Repository.run(
            "\(Repository.root)/scripts/rdma-vm", ["--", "true"], environment: ["XDG_CACHE_HOME": "/proc"], in: folder)
        #expect(result.ending == .exited(code: 77))
        #expect(result.output.hasPrefix("rdma-vm: ") && result.output.split(separator: "\n").count == 1, "\(result.output)")
    }
}
