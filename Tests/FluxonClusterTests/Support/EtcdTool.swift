import FluxonSystem
import Foundation

/// `etcdctl` on the etcd of a test cluster.
struct EtcdTool {
    let endpoint: String
    let folder: String

    var dataFolder: String { "\(folder)/etcd" }

    /// - Returns: What it printed.
    @discardableResult
    func run(_ arguments: [String], user: String? = nil, mayFail: Bool = false) throws -> String {
        let path = "\(folder)/etcdctl-\(UInt32.random(in: 0 ... .max))"
        let child = try ChildProcess(
            executable: "/usr/bin/etcdctl",
            arguments: ["--endpoints", endpoint] + (user.map { ["--user", $0] } ?? []) + arguments,
            environment: ["PATH": "/usr/bin:/bin", "ETCDCTL_API": "3"], output: try File.open(path, .createNew))
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(30))
        let ending = try child.reap()
        let output = String(decoding: try File.readAll(path, limit: 1 << 20), as: UTF8.self)
        guard ending == .exited(code: 0) || mayFail else { throw RoleFailure(what: "etcdctl \(arguments): \(output)", log: output) }
        return output
    }

    /// Repeated until etcd answers.
    func awaitHealth(user: String? = nil) throws {
        for _ in 0..<200 {
            guard try run(["get", "/"], user: user, mayFail: true).contains("Error") else { return }
            usleep(50_000)
        }
    }

    /// Users as people make them for a cluster: one that may all, and `fluxon`, which may read and write what begins with the cluster's name.
    func addUsers(passwordFile: String) throws {
        try awaitHealth()
        for arguments in [
            ["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["role", "add", "cluster"],
            ["role", "grant-permission", "cluster", "--prefix", "readwrite", "/fluxon/test/"], ["user", "add", "fluxon:word"],
            ["user", "grant-role", "fluxon", "cluster"], ["auth", "enable"],
        ] {
            try run(arguments)
        }
        try File.replace(passwordFile, with: Array("word\n".utf8))
    }
}
