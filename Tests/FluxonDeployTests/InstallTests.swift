import FluxonSystem
import FluxonTestFiles
import Testing

/// `scripts/install`, with executables of its own: building is not its question here.
@Suite(.timeLimit(.minutes(1))) struct InstallTests {
    private let folder: String

    init() throws {
        folder = try TestFolder.make()
        try File.makeDirectories("\(folder)/built")
        for name in ["fluxon", "fluxon-master", "fluxon-owner", "fluxon-external"] {
            try File.replace("\(folder)/built/\(name)", with: Array("#!/bin/sh\n".utf8), permissions: 0o755)
        }
    }

    /// - Returns: The files that it said it wrote, without the folder that they are in.
    private func install(_ prefix: String) throws -> (written: [String], said: String) {
        let result = try Repository.run(
            "\(Repository.root)/scripts/install", ["--built", "\(folder)/built", prefix], environment: ["DESTDIR": "\(folder)/root"],
            in: folder)
        #expect(result.ending == .exited(code: 0), "\(result.output)")
        let lines = result.output.split(separator: "\n").map(String.init)
        let root = "\(folder)/root"
        return (lines.filter { $0.hasPrefix(root) }.map { String($0.dropFirst(root.count)) }, result.output)
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try File.readAll("\(folder)/root\(path)", limit: 1 << 20), as: UTF8.self)
    }

    @Test("everything is where it is looked for, and a second time nothing is left to do")
    func twice() throws {
        let first = try install("/usr/local").written
        for path in [
            "/usr/local/bin/fluxon-owner", "/usr/local/lib/systemd/system/fluxon-external@.service",
            "/usr/local/lib/sysusers.d/fluxon.conf",
            "/etc/fluxon/owner.yaml", "/etc/fluxon/external-worker-1.yaml", "/usr/local/share/fluxon/config/master.yaml",
        ] { #expect(first.contains(path), "\(path) is not in \(first)") }
        #expect(
            try text("/usr/local/lib/systemd/system/fluxon-owner.service").contains(
                "/usr/local/bin/fluxon-owner --config /etc/fluxon/owner"))
        #expect(try install("/usr/local").written == [])
    }

    @Test("another prefix has its own configurations, and its units name them")
    func prefix() throws {
        #expect(try install("/opt/fluxon").written.contains("/opt/fluxon/etc/fluxon/owner.yaml"))
        let unit = try text("/opt/fluxon/lib/systemd/system/fluxon-owner.service")
        #expect(unit.contains("ExecStart=/opt/fluxon/bin/fluxon-owner --config /opt/fluxon/etc/fluxon/owner.yaml\n"))
    }

    @Test("a configuration that somebody changed stays; one that nobody changed follows a new version")
    func configurations() throws {
        _ = try install("/usr")
        let root = "\(folder)/root"
        // What an older version installed: the owner's is as it was then, the master's is changed.
        for name in ["owner", "master"] { try File.replace("\(root)/usr/share/fluxon/config/\(name).yaml", with: Array("old: 1\n".utf8)) }
        try File.replace("\(root)/etc/fluxon/owner.yaml", with: Array("old: 1\n".utf8))
        try File.replace("\(root)/etc/fluxon/master.yaml", with: Array("mine: 1\n".utf8))
        let said = try install("/usr").said
        #expect(try text("/etc/fluxon/master.yaml") == "mine: 1\n")
        #expect(said.contains("/etc/fluxon/master.yaml was changed here and stays"), "\(said)")
        let shipped = String(decoding: try File.readAll("\(Repository.root)/deploy/config/master.yaml", limit: 1 << 20), as: UTF8.self)
        #expect(try text("/etc/fluxon/master.yaml.new") == shipped)
        #expect(try text("/etc/fluxon/owner.yaml").contains("cluster_name: production"))
        // And not again for the same version.
        #expect(try install("/usr").written == [])
    }
}
