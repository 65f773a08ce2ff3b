import FluxonSystem
import FluxonTestFiles
import Glibc

extension Hour {
    static let renewedCertificates = Hour(
        "renewed-certificates", "certificates and keys are renewed in their files, and shown without a restart"
    ) { day in
        let before = day.processes()
        let name = "renewed-\(Int.random(in: 1...1_000_000, using: &day.random))"
        try TestCertificates.shared.get().renewServer(as: name)
        try day.cluster.renewCertificate(to: name)
        for proxy in day.cluster.proxies { proxy.cut() }
        let wanted = try day.shell("openssl x509 -noout -serial -in \(day.cluster.folder)/node-server.pem")
        day.expect(wanted.hasPrefix("serial="), "openssl: \(wanted)")
        for proxy in day.cluster.proxies where !proxy.name.hasPrefix("links to etcd") && !proxy.name.hasPrefix("bulk") {
            let show = "openssl s_client -connect 127.0.0.1:\(proxy.port) </dev/null 2>/dev/null | openssl x509 -noout -serial 2>&1"
            await day.live(until: { try day.shell(show) == wanted }, within: .seconds(10), "\(proxy.name): the new certificate is shown")
        }
        day.expect(day.processes() == before, "a role ended")
    }
}

extension Day {
    /// The output of a shell's command, which takes seconds at most.
    func shell(_ command: String) throws -> String {
        let path = "\(cluster.folder)/shell-output"
        unlink(path)
        let child = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", command], environment: ["PATH": "/usr/bin:/bin", "ETCDCTL_API": "3"],
            output: Descriptor(owning: open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)))
        _ = try Kernel.waitReadable([child.process.descriptor.number], timeout: .seconds(20))
        _ = try child.reap()
        return String(decoding: try File.readAll(path, limit: 1 << 20), as: UTF8.self)
    }
}
