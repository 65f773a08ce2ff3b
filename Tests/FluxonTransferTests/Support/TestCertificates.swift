import FluxonTLS
import Foundation

/// Two authorities and what they vouch for, made by the openssl program in a folder that goes with this value.
final class TestCertificates: Sendable {
    private let folder: String

    /// One for all tests of a run: keys take a moment to make.
    static let shared = Task { try TestCertificates() }

    struct Failure: Error { let status: Int32 }

    private init() throws {
        folder = NSTemporaryDirectory() + "fluxon-transfer-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // Their names, what they are for, who vouches for them.
        let script = """
            set -e
            cd '\(folder)'
            new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            for authority in ca other-ca; do
                $new -x509 -days 1 -subj "/CN=$authority" -keyout $authority.key -out $authority.pem
            done
            issue() {
                $new -subj "/CN=$1" -keyout $1.key -out $1.csr
                echo "subjectAltName=$2" > $1.ext
                openssl x509 -req -days 1 -in $1.csr -CA $3.pem -CAkey $3.key -CAcreateserial -extfile $1.ext -out $1.pem
            }
            issue owner IP:127.0.0.1,DNS:localhost ca
            issue elsewhere DNS:elsewhere.example ca
            issue stranger IP:127.0.0.1 other-ca
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", script]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ file: String) -> String { folder + "/" + file }

    /// - Parameter name: Whose certificate is shown; nil: none.
    func files(_ name: String?, trusting authority: String = "ca") -> TLSConfiguration {
        TLSConfiguration(
            certificateChainPath: name.map { path("\($0).pem") }, privateKeyPath: name.map { path("\($0).key") },
            trustedAuthoritiesPath: path("\(authority).pem"))
    }
}
