import FluxonSystem
import Glibc

/// Two authorities and certificates of the first, made by the openssl program in a folder that goes with this value.
final class TestCertificates: Sendable {
    let folder: String

    /// One for all tests of a run: keys take a moment to make.
    static let shared = Task { try await TestCertificates() }

    init() async throws {
        folder = temporaryPath(".tls")
        try File.makeDirectories(folder)
        for authority in ["ca", "other-ca"] {
            try await openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=\(authority) -keyout \(authority).key -out \(authority).pem"
            )
        }
        try await issue("server", extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1")
        try await issue("elsewhere", extensions: "subjectAltName=DNS:elsewhere.example")
        try await issue("expired", extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1", days: "-days -1")
        try await issue("client", extensions: "extendedKeyUsage=clientAuth")
        try await issue("stranger", extensions: "extendedKeyUsage=clientAuth", authority: "other-ca")
    }

    deinit {
        for name in ["ca", "other-ca", "server", "elsewhere", "expired", "client", "stranger"] {
            for suffix in ["pem", "key", "csr", "ext", "srl"] { unlink("\(folder)/\(name).\(suffix)") }
        }
        rmdir(folder)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    private func issue(_ name: String, extensions: String, days: String = "-days 2", authority: String = "ca") async throws {
        try File.replace(path("\(name).ext"), with: Array(extensions.utf8))
        try await openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -keyout \(name).key -out \(name).csr")
        try await openssl(
            "x509 -req -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial \(days) -extfile \(name).ext -out \(name).pem"
        )
    }

    private func openssl(_ arguments: String) async throws {
        let words = arguments.split(separator: " ").map(String.init).map { word in
            [".key", ".pem", ".csr", ".ext"].contains { word.hasSuffix($0) } ? path(word) : word
        }
        let (code, output) = try await PeerProcess("/usr/bin/openssl", words).finish()
        guard code == 0 else { throw PeerProcess.Missing(description: "openssl \(arguments) failed: \(output)") }
    }
}
