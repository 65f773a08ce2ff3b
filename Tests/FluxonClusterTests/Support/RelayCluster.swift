import FluxonCore
import FluxonSystem
import Foundation
import Glibc
import Testing

/// Real processes on machines of their own: a master that everybody reaches, an asker and a holder with a relay between them, and between the
/// two a cable that a test can break.
final class RelayCluster {
    static let roles = ["asker", "relay", "holder"]

    enum Break: String, CaseIterable, CustomTestStringConvertible {
        /// The kernel says that there is no way.
        case refused
        /// Packets get lost without a word.
        case swallowed
        var testDescription: String { rawValue }
    }

    let network = NetworkNamespaces()
    let folder: String
    private let poolFolder: String
    private var processes: [String: RoleProcess] = [:]

    /// - Parameter pools: Sizes in bytes, by role.
    init(pools: [String: Int] = [:], relayBytes: Int = Limits.relayBytes) throws {
        let name = "fxk-\(UInt32.random(in: 0 ... .max))"
        folder = "/tmp/\(name)"
        poolFolder = "/dev/shm/\(name)"
        try File.makeDirectories(folder)
        try File.makeDirectories(poolFolder)
        for name in ["master"] + Self.roles { _ = try network.add(name) }
        for role in Self.roles { try network.connect("master", role) }
        try network.connect("asker", "relay")
        try network.connect("relay", "holder")
        try network.connect("asker", "holder")
        let master = network.address(of: "master")
        try start(
            "master", "fluxon-master",
            ["listen: \"\(master):7400\"", "embedded_metadata: {listen: \"\(master):7479\", path: \"\(folder)/metadata.sqlite\"}"])
        for role in Self.roles {
            let address = network.address(of: role)
            try start(
                role, "fluxon-owner",
                [
                    "etcd_endpoints: [\"http://\(master):7479\"]", "listen: \"\(address):7401\"",
                    "network: {bulk_listen: \"\(address):7402\", relay_bytes: \(relayBytes)}", "shared_memory_path: \(poolFolder)/\(role)",
                    "shared_file_path: \(folder)/\(role)", "contribute_to_cluster_pool_size: \(pools[role] ?? 64 << 20)",
                ])
        }
    }

    deinit {
        for process in processes.values { process.kill() }
        for path in [poolFolder, folder] { try? FileManager.default.removeItem(atPath: path) }
    }

    private func start(_ name: String, _ executable: String, _ lines: [String]) throws {
        let path = "\(folder)/\(name).yaml"
        let text = (["cluster_name: test", "instance_key: \(name)"] + lines).joined(separator: "\n") + "\n"
        try File.replace(path, with: Array(text.utf8))
        let command = network.command("\(TestCluster.products)/\(executable)", ["--config", path], on: name)
        let process = RoleProcess(name: name, executable: command.executable, arguments: command.arguments, folder: folder)
        processes[name] = process
        try process.start()
    }

    func socket(_ role: String) -> String { "\(folder)/\(role)/owner.sock" }
    func log(_ role: String) -> String { processes[role]?.log ?? "" }
    func process(_ role: String) -> RoleProcess? { processes[role] }

    /// The asker's way to the holder goes.
    func breakWay(_ kind: Break) throws {
        switch kind {
        case .refused: try network.refuse(from: "asker", to: "holder")
        case .swallowed: try network.swallow(from: "asker", to: "holder")
        }
    }

    func mendWay(_ kind: Break) throws {
        switch kind {
        case .refused: try network.allow(from: "asker", to: "holder")
        case .swallowed: try network.deliver(from: "asker", to: "holder")
        }
    }

    /// One figure of `fluxon status` at an owner, of its own section or of its master's.
    func figure(_ name: String, _ role: String, ofMaster: Bool = false) throws -> String {
        let sections = try Footprint.status(socket(role), in: folder)
        let section = sections[ofMaster ? "master master" : "owner \(role)"]
        return section?[name].map { "\($0)" } ?? "no figure \(name) in \(sections.keys)"
    }

    /// Asks until the figure is that.
    func await(_ name: String, _ role: String, _ value: String, within limit: Duration = .seconds(20)) throws {
        let deadline = ContinuousClock.now + limit
        var last = ""
        while ContinuousClock.now < deadline {
            last = try figure(name, role)
            if last == value { return }
        }
        throw RoleFailure(what: "\(name) of \(role) is \(last), not \(value), after \(limit)", log: log(role))
    }
}
