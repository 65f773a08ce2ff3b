import FluxonEtcd
import FluxonSystem
import FluxonTestFiles
import Foundation
import Testing

/// `https` endpoints, on Debian's etcd.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    private func withSecureEtcd(_ body: (EtcdProcess, TestCertificates, EventLoop) async throws -> Void) async throws {
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        let folder = try TemporaryFolder()
        let certificates = try TestCertificates.shared.get()
        let process = try EtcdProcess(
            folder: folder, scheme: "https",
            arguments: [
                "--cert-file", certificates.path("server.pem"), "--key-file", certificates.path("server.key"), "--trusted-ca-file",
                certificates.path("ca.pem"), "--client-cert-auth",
            ])
        defer { process.kill() }
        try await body(process, certificates, loop)
    }

    @Test("with authority, certificate and key everything works: calls, a lease, a watch")
    func mutual() async throws {
        try await withSecureEtcd { process, certificates, loop in
            let client = try await readyClient([process.endpoint], loop: loop) {
                $0.authorities = certificates.path("ca.pem")
                $0.certificate = certificates.path("client.pem")
                $0.privateKey = certificates.path("client.key")
            }
            let changes = Recorder<EtcdWatchEvent>()
            let lease = try await client.grantLease(ttl: .seconds(5)) { Issue.record("the lease was lost") }
            _ = try await client.watch(.key("a"), from: 1) { changes.record($0) }
            try await client.put("a", "1", lease: lease.id)
            #expect(try await changes.changes(1) == ["put a=1"])
            await client.close()
        }
    }

    @Test("an authority that does not vouch for the server, and a missing client certificate, end calls with the reason")
    func refusals() async throws {
        try await withSecureEtcd { process, certificates, loop in
            let ready = try await readyClient([process.endpoint], loop: loop) {
                $0.authorities = certificates.path("ca.pem")
                $0.certificate = certificates.path("client.pem")
                $0.privateKey = certificates.path("client.key")
            }
            await ready.close()
            for (authority, expected) in [
                (certificates.path("other-ca.pem"), "authorit"), (certificates.path("ca.pem"), "refused this side"),
            ] {
                var options = try EtcdClientOptions(parsing: [process.endpoint])
                options.authorities = authority
                let client = EtcdClient(loop: loop, options: options)
                do throws(EtcdError) {
                    _ = try await client.get("a", timeout: .seconds(1))
                    Issue.record("let in")
                } catch {
                    guard case .unreachable(_, _, _, let lastFailure) = error else {
                        Issue.record("\(error)")
                        return
                    }
                    #expect(lastFailure.contains(expected))
                }
                await client.close()
            }
        }
    }

    @Test("a PEM file that is not there is named")
    func missingFile() async throws {
        let loop = try EventLoop.started(name: "test-client")
        defer { loop.stop() }
        var options = try EtcdClientOptions(parsing: ["https://127.0.0.1:1"])
        options.authorities = "/nowhere/authority.pem"
        let client = EtcdClient(loop: loop, options: options)
        do throws(EtcdError) {
            _ = try await client.get("a")
            Issue.record("a call without its authorities")
        } catch {
            guard case .badOptions(let problem) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(problem.contains("/nowhere/authority.pem"))
        }
        await client.close()
    }
}
