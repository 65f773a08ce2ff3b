import FluxonCore
import FluxonSystem
import FluxonTestFiles
import Foundation
import Glibc
import Testing

/// A cluster of real processes in folders of its own: metadata, one master, owners, an external at each owner.
final class TestCluster {
    enum Metadata: String, CaseIterable, CustomTestStringConvertible {
        /// Debian's etcd.
        case etcd
        /// The master's own.
        case embedded
        var testDescription: String { rawValue }
    }

    let folder: String
    let master: RoleProcess
    let owners: [RoleProcess]
    let externals: [RoleProcess]
    private let etcd: RoleProcess?
    private let poolFolder: String

    /// The sockets of the owners and of their externals.
    func ownerSocket(_ index: Int) -> String { "\(folder)/run-\(index + 1)/owner.sock" }
    func externalSocket(_ index: Int) -> String { "\(folder)/run-\(index + 1)/external-\(index + 1).sock" }
    func sharedDescription(_ index: Int) -> String { "\(folder)/run-\(index + 1)/shared.json" }

    /// The folder of the executables: the tests' own.
    static var products: String {
        guard let path = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(path) }
        return "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
    }

    init(
        owners count: Int = 2, metadata: Metadata = .embedded, poolBytes: Int = 64 << 20, hasExternals: Bool = false, usesTLS: Bool = false
    ) throws {
        let name = "fxk-\(UInt32.random(in: 0 ... .max))"
        folder = "/tmp/\(name)"
        poolFolder = "/dev/shm/\(name)"
        try File.makeDirectories(folder)
        try File.makeDirectories(poolFolder)
        // One certificate for every role of this machine.
        let tls = try usesTLS ? TestCertificates.shared.get() : nil
        let tlsLines =
            tls.map { ["tls: {certificate: \($0.path("server.pem")), key: \($0.path("server.key")), ca: \($0.path("ca.pem"))}"] } ?? []
        let metadataPort = try Kernel.freeLoopbackPort()
        let endpoint = "http://127.0.0.1:\(metadataPort)"
        let folder = folder
        let poolFolder = poolFolder

        func role(_ role: String, _ name: String, _ lines: [String]) throws -> RoleProcess {
            let path = "\(folder)/\(name).yaml"
            let text = (["cluster_name: test", "instance_key: \(name)"] + lines).joined(separator: "\n") + "\n"
            try File.replace(path, with: Array(text.utf8))
            return RoleProcess(
                name: name, executable: "\(Self.products)/fluxon-\(role)", arguments: ["--config", path], folder: folder)
        }

        switch metadata {
        case .etcd:
            let peer = "http://127.0.0.1:\(try Kernel.freeLoopbackPort())"
            etcd = RoleProcess(
                name: "etcd", executable: "/usr/bin/etcd",
                arguments: [
                    "--data-dir", "\(folder)/etcd", "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
                    "--unsafe-no-fsync",
                ], folder: folder, announcesReadiness: false)
            master = try role("master", "master-1", ["etcd_endpoints: [\"\(endpoint)\"]"] + tlsLines)
        case .embedded:
            etcd = nil
            master = try role(
                "master", "master-1",
                ["embedded_metadata: {listen: \"127.0.0.1:\(metadataPort)\", path: \"\(folder)/metadata.sqlite\"}"] + tlsLines)
        }
        owners = try (1...count).map { number in
            try role(
                "owner", "owner-\(number)",
                [
                    "etcd_endpoints: [\"\(endpoint)\"]", "shared_memory_path: \(poolFolder)/\(number)",
                    "shared_file_path: \(folder)/run-\(number)", "contribute_to_cluster_pool_size: \(poolBytes)",
                ] + tlsLines)
        }
        externals =
            hasExternals
            ? try (1...count).map { number in
                try role(
                    "external", "external-\(number)",
                    ["shared_memory_path: \(poolFolder)/\(number)", "shared_file_path: \(folder)/run-\(number)"])
            } : []
        try etcd?.launch()
        try master.start()
        for owner in owners { try owner.launch() }
        for owner in owners { try owner.awaitReadiness(within: .seconds(30)) }
        for external in externals { try external.start() }
    }

    deinit {
        for process in externals + owners + [master] + (etcd.map { [$0] } ?? []) { process.kill() }
        // Logs of a failed test are in its report; folders of memory must not stay.
        for path in [poolFolder, folder] { try? FileManager.default.removeItem(atPath: path) }
    }
}
