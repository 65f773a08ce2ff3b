import Foundation

/// Two authorities, `ca` and `other-ca`, and what they vouch for, each as `NAME.pem` and `NAME.key`: `server` (this machine's loopback),
/// `elsewhere` (another host), `expired`, `client`, and `stranger` of the other authority. Made by the openssl program.
package struct TestCertificates: Sendable {
    package let folder: String

    /// One for all tests of a run: keys take a moment to make.
    package static let shared = Result { try TestCertificates() }

    private init() throws {
        folder = try TestFolder.make()
        for authority in ["ca", "other-ca"] {
            try openssl("req -x509 \(Self.newKey) -days 2 -subj /CN=\(authority) -keyout \(authority).key -out \(authority).pem")
        }
        try issue("server", extensions: Self.loopback)
        try issue("elsewhere", extensions: "subjectAltName=DNS:elsewhere.example")
        try issue("expired", extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1", days: "-days -1")
        try issue("client", extensions: "extendedKeyUsage=clientAuth")
        try issue("stranger", extensions: "subjectAltName=DNS:localhost,IP:127.0.0.1", authority: "other-ca")
    }

    /// This machine's loopback, and the address at which tests put proxies before it.
    private static let loopback = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"

    /// Another certificate and key for the same as `server`, by the same authority: `NAME.pem` and `NAME.key`.
    package func renewServer(as name: String) throws { try issue(name, extensions: Self.loopback) }

    package func path(_ name: String) -> String { "\(folder)/\(name)" }

    private static let newKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

    private func issue(_ name: String, extensions: String, days: String = "-days 2", authority: String = "ca") throws {
        try extensions.write(toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
        try openssl("req \(Self.newKey) -subj /CN=\(name) -keyout \(name).key -out \(name).csr")
        try openssl(
            "x509 -req -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial \(days) -extfile \(name).ext -out \(name).pem"
        )
    }

    private func openssl(_ arguments: String) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments.split(separator: " ").map(String.init)
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw OpenSSLFailure(description: "openssl \(arguments) failed: \(text)") }
    }
}

package struct OpenSSLFailure: Error, CustomStringConvertible { package let description: String }
