import FluxonSystem
import FluxonTestFiles
import Testing

@Suite(.timeLimit(.minutes(1))) struct ScriptTests {
    private let folder: String

    init() throws { folder = try TestFolder.make() }

    @Test(
        "every script is bash that parses",
        arguments: [
            "scripts/demo", "scripts/test", "scripts/install-packages", ".ci/run", "ext_images/fetch", "ext_images/launch.sh",
            "ext_images/etcd/start.sh",
            "ext_images/greptime/start.sh", "ext_images/tikv/start_pd.sh", "ext_images/tikv/start_tikv.sh",
        ])
    func parses(path: String) throws {
        let result = try Repository.run("/bin/bash", ["-n", "\(Repository.root)/\(path)"], in: folder)
        #expect(result.ending == .exited(code: 0), "\(result.output)")
    }

    @Test(
        "a script explains itself",
        arguments: ["scripts/demo", "scripts/test", "scripts/install-packages", "ext_images/fetch", "ext_images/etcd/start.sh"])
    func help(path: String) throws {
        let result = try Repository.run("\(Repository.root)/\(path)", ["--help"], in: folder)
        #expect(result.ending == .exited(code: 0))
        #expect(result.output.hasPrefix("usage: "), "\(result.output)")
    }

    @Test(
        "wrong usage is exit 64",
        arguments: [
            ("scripts/demo", "--fast"), ("scripts/demo", "/no/such/file"), ("scripts/install-packages", "all"),
            ("ext_images/fetch", "etcd"),
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
}
