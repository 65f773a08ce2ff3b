import FluxonSystem
import FluxonTestFiles
import Testing

@Suite(.timeLimit(.minutes(2))) struct SystemdUnitTests {
    private static let units = ["fluxon-master.service", "fluxon-owner.service", "fluxon-external@.service"]

    private func text(_ unit: String) throws -> String {
        String(decoding: try File.readAll("\(Repository.root)/deploy/systemd/\(unit)", limit: 1 << 20), as: UTF8.self)
    }

    @Test("systemd accepts the units without a word", .enabled(if: isInstalled("/usr/bin/systemd-analyze"), "needs Debian's systemd"))
    func verified() throws {
        let folder = try TestFolder.make()
        for unit in Self.units {
            // The units name the place of an installed binary, which systemd looks for.
            let text = try text(unit).replacing("/usr/bin/fluxon-master", with: "/bin/true").replacing(
                "/usr/bin/fluxon-owner", with: "/bin/true"
            )
            .replacing("/usr/bin/fluxon-external", with: "/bin/true")
            try File.replace("\(folder)/\(unit)", with: Array(text.utf8), permissions: 0o644)
        }
        let result = try Repository.run("/usr/bin/systemd-analyze", ["verify"] + Self.units.map { "\(folder)/\($0)" }, in: folder)
        #expect(result.ending == .exited(code: 0), "\(result.output)")
        #expect(result.output.isEmpty)
    }

    @Test("each unit waits for readiness, may lock memory, stops gracefully and leaves /dev/shm alone", arguments: units)
    func contract(unit: String) throws {
        let lines = try text(unit).split(separator: "\n")
        for line in ["Type=notify", "LimitMEMLOCK=infinity", "KillSignal=SIGTERM", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
            #expect(lines.contains { $0 == line }, "\(line) is missing")
        }
        #expect(lines.contains { $0.hasPrefix("TimeoutStopSec=") })
        for forbidden in ["PrivateUsers=yes", "PrivateIPC=yes", "InaccessiblePaths=", "TemporaryFileSystem="] {
            #expect(!lines.contains { $0.hasPrefix(forbidden) }, "\(forbidden) would cut processes off from the pool")
        }
    }
}

/// Whether a program is there to run.
func isInstalled(_ path: String) -> Bool { (try? File.open(path, .read)) != nil }
