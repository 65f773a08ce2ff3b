import FluxonCore
import FluxonSystem
import FluxonTestFiles
import Foundation
import Glibc
import Testing

/// A cluster of real processes in folders of its own: metadata, masters, owners, an external at each owner.
final class TestCluster {
    enum Metadata: String, CaseIterable, CustomTestStringConvertible {
        /// Debian's etcd.
        case etcd
        /// The master's own.
        case embedded
        var testDescription: String { rawValue }
    }

    enum Clocks {
        /// The kernel's.
        case real
        /// The kernel's, but the wall clocks can be stepped.
        case steppable
        /// Every owner is on a machine of its own, with whoever is attached there: another boot clock, whose rate can be changed.
        case apart
    }

    let folder: String
    /// The first leads at the start, the others stand by.
    let masters: [RoleProcess]
    let owners: [RoleProcess]
    let externals: [RoleProcess]
    /// A process of its own only with `Metadata.etcd`.
    let etcd: RoleProcess?
    let etcdTool: EtcdTool
    /// Where etcd really serves, beside any proxy.
    var etcdEndpoint: String? { etcd == nil ? nil : etcdTool.endpoint }
    let proxies: [FaultProxy]
    /// Of the masters' machine, then of each owner's; empty: this machine's own clocks.
    let clocks: [FaultClock]
    let poolFolder: String

    var master: RoleProcess { masters[0] }

    /// The sockets of the owners and of their externals.
    func ownerSocket(_ index: Int) -> String { "\(folder)/run-\(index + 1)/owner.sock" }
    func externalSocket(_ index: Int) -> String { "\(folder)/run-\(index + 1)/external-\(index + 1).sock" }
    func sharedDescription(_ index: Int) -> String { "\(folder)/run-\(index + 1)/shared.json" }
    /// What a process on the machine of this owner has in its environment.
    func environment(_ index: Int) -> [String: String] { clocks.isEmpty ? [:] : clocks[index + 1].environment }

    /// The folder of the executables: the tests' own.
    static let products: String = {
        guard let path = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(path) }
        return "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
    }()

    /// - Parameters:
    ///   - hasProxies: Everything that goes over TCP between roles goes through `proxies`, where it can be disturbed.
    ///   - hasOwnMemory: The pools lie in a tmpfs of their own that can be filled, where this user may mount one.
    ///   - etcdUser: etcd asks for users; the roles are one that may read and write what begins with their cluster's name.
    ///   - hasOwnDisk: Logs, sockets and embedded metadata lie in a tmpfs of their own, too.
    ///   - hasOwnerDisks: Each owner's logs, sockets and shared.json lie in a tmpfs of their own, of 16 MiB, where this user may mount one.
    ///   - shell: What a shell says before the executable of a role, `umask 0; exec` for instance, by the role's name.
    ///   - certificate: Which of `TestCertificates` an instance shows, with TLS.
    init(
        owners count: Int = 2, masters masterCount: Int = 1, metadata: Metadata = .embedded, poolBytes: Int = 64 << 20,
        hasExternals: Bool = false, usesTLS: Bool = false, hasProxies: Bool = false, hasOwnMemory: Bool = false, hasOwnDisk: Bool = false,
        hasOwnerDisks: Bool = false, clocks kind: Clocks = .real, etcdArguments: [String] = [], etcdUser: Bool = false,
        shell: [String: String] = [:], certificate: (String) -> String = { _ in "server" }
    ) throws {
        let name = "fxk-\(UInt32.random(in: 0 ... .max))"
        folder = "/tmp/\(name)"
        poolFolder = "/dev/shm/\(name)"
        try File.makeDirectories(folder)
        try File.makeDirectories(poolFolder)
        // Room for pools of earlier lives: a process that is stopped holds on to them.
        if hasOwnMemory { mount("tmpfs", poolFolder, "tmpfs", 0, "size=\(poolBytes * count * 5)") }
        if hasOwnDisk { mount("tmpfs", folder, "tmpfs", 0, "size=\(16 << 20)") }
        for number in 1...count where hasOwnerDisks {
            try File.makeDirectories("\(folder)/run-\(number)")
            mount("tmpfs", "\(folder)/run-\(number)", "tmpfs", 0, "size=\(16 << 20)")
        }
        let tls = try usesTLS ? TestCertificates.shared.get() : nil
        if let tls { try File.replace("\(folder)/ca.pem", with: File.readAll(tls.path("ca.pem"), limit: 1 << 16)) }
        /// In files of this cluster's own: they can be renewed.
        func tlsLines(_ instance: String) throws -> [String] {
            guard let tls else { return [] }
            let name = certificate(instance)
            for kind in ["pem", "key"] {
                try File.replace("\(folder)/node-\(name).\(kind)", with: File.readAll(tls.path("\(name).\(kind)"), limit: 1 << 16))
            }
            return ["tls: {certificate: \(folder)/node-\(name).pem, key: \(folder)/node-\(name).key, ca: \(folder)/ca.pem}"]
        }
        let ports = try Ports(masters: masterCount, owners: count)
        proxies = hasProxies ? try ports.proxies() : []
        let endpoint = "http://127.0.0.1:\(ports.metadata)"
        let usedEndpoint = hasProxies ? "http://\(Ports.proxyHost):\(ports.metadata)" : endpoint
        let folder = folder
        let poolFolder = poolFolder
        // Machines have been up for different times.
        let clocks = try (kind == .real ? 0..<0 : 0..<count + 1).map { machine in
            let boot = kind == .apart ? Duration.seconds(1000 + 1_000_000 * machine) : nil
            return try FaultClock(path: "\(folder)/machine-\(machine).clock", boot: boot)
        }
        self.clocks = clocks

        func role(_ role: String, _ name: String, machine: Int, _ lines: [String]) throws -> RoleProcess {
            let path = "\(folder)/\(name).yaml"
            let text = (["cluster_name: test", "instance_key: \(name)"] + lines).joined(separator: "\n") + "\n"
            try File.replace(path, with: Array(text.utf8))
            let executable = "\(Self.products)/fluxon-\(role)"
            let environment = clocks.isEmpty ? [:] : clocks[machine].environment
            guard let words = shell[role] else {
                return RoleProcess(
                    name: name, executable: executable, arguments: ["--config", path], folder: folder, environment: environment)
            }
            return RoleProcess(
                name: name, executable: "/bin/sh", arguments: ["-c", "\(words) \(executable) --config \(path)"], folder: folder,
                environment: environment)
        }

        etcd = metadata == .etcd ? try Self.etcd(endpoint, etcdArguments + (etcdUser ? ["--bcrypt-cost", "4"] : []), in: folder) : nil
        etcdTool = EtcdTool(endpoint: endpoint, folder: folder)
        let passwordFile = "\(folder)/etcd-password"
        let access = etcdUser ? ["etcd: {username: fluxon, password_file: \(passwordFile)}"] : []
        let kept =
            metadata == .etcd
            ? "etcd_endpoints: [\"\(usedEndpoint)\"]"
            : "embedded_metadata: {listen: \"127.0.0.1:\(ports.metadata)\", path: \"\(folder)/metadata.sqlite\"}"
        masters = try (1...masterCount).map { number in
            try role(
                "master", "master-\(number)", machine: 0,
                [kept] + access + (hasProxies ? ports.masterLines(number - 1) : []) + tlsLines("master-\(number)"))
        }
        owners = try (1...count).map { number in
            try role(
                "owner", "owner-\(number)", machine: number,
                [
                    "etcd_endpoints: [\"\(usedEndpoint)\"]", "shared_memory_path: \(poolFolder)/\(number)",
                    "shared_file_path: \(folder)/run-\(number)", "contribute_to_cluster_pool_size: \(poolBytes)",
                ] + access + (hasProxies ? ports.ownerLines(number - 1) : []) + tlsLines("owner-\(number)"))
        }
        externals =
            hasExternals
            ? try (1...count).map { number in
                try role(
                    "external", "external-\(number)", machine: number,
                    ["shared_memory_path: \(poolFolder)/\(number)", "shared_file_path: \(folder)/run-\(number)"])
            } : []
        try etcd?.launch()
        if etcdUser { try etcdTool.addUsers(passwordFile: passwordFile) }
        try master.start()
        // Another one is ready when it leads.
        for master in masters.dropFirst() { try master.launch() }
        for owner in owners { try owner.launch() }
        for owner in owners { try owner.awaitReadiness(within: .seconds(30)) }
        for external in externals { try external.start() }
    }

    /// What the clients of a `ClientSlot` wrote down.
    func callLogs() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".calls") }.map { "\(folder)/\($0)" }
    }

    /// The files that the roles read their certificate and its key from, where they use TLS: what `name` of `TestCertificates` is.
    func renewCertificate(to name: String) throws {
        let certificates = try TestCertificates.shared.get()
        for kind in ["key", "pem"] {
            try File.replace("\(folder)/node-server.\(kind)", with: File.readAll(certificates.path("\(name).\(kind)"), limit: 1 << 16))
        }
    }

    private static func etcd(_ endpoint: String, _ more: [String], in folder: String) throws -> RoleProcess {
        let peer = "http://127.0.0.1:\(try Kernel.freeLoopbackPort())"
        return RoleProcess(
            name: "etcd", executable: "/usr/bin/etcd",
            arguments: [
                "--data-dir", "\(folder)/etcd", "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
                "--unsafe-no-fsync",
            ] + more, folder: folder, announcesReadiness: false)
    }

    deinit {
        for process in externals + owners + masters + (etcd.map { [$0] } ?? []) { process.kill() }
        for proxy in proxies { proxy.close() }
        for path in owners.indices.map({ "\(folder)/run-\($0 + 1)" }) + [poolFolder, folder] { umount2(path, CInt(MNT_DETACH)) }
        // Logs of a failed test are in its report; folders of memory must not stay.
        for path in [poolFolder, folder] { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// Fixed ports, so that a proxy can stand at the same port of another address of the loopback: the roles advertise that one.
private struct Ports {
    static let proxyHost = "127.0.0.2"
    let metadata: UInt16
    let masters: [UInt16]
    let owners: [(control: UInt16, bulk: UInt16)]

    init(masters masterCount: Int, owners count: Int) throws {
        metadata = try Kernel.freeLoopbackPort()
        masters = try (0..<masterCount).map { _ in try Kernel.freeLoopbackPort() }
        owners = try (0..<count).map { _ in (try Kernel.freeLoopbackPort(), try Kernel.freeLoopbackPort()) }
    }

    func masterLines(_ index: Int) -> [String] {
        ["listen: \"127.0.0.1:\(masters[index])\"", "network: {advertise: \(Self.proxyHost)}"]
    }

    func ownerLines(_ index: Int) -> [String] {
        [
            "listen: \"127.0.0.1:\(owners[index].control)\"",
            "network: {bulk_listen: \"127.0.0.1:\(owners[index].bulk)\", advertise: \(Self.proxyHost)}",
        ]
    }

    func proxies() throws -> [FaultProxy] {
        var links = [("links to etcd", metadata)]
        for (index, port) in masters.enumerated() { links.append(("links to master-\(index + 1)", port)) }
        for (index, ports) in owners.enumerated() {
            links += [("control of owner-\(index + 1)", ports.control), ("bulk of owner-\(index + 1)", ports.bulk)]
        }
        return try links.map { try FaultProxy(name: $0.0, host: Self.proxyHost, port: $0.1) }
    }
}
