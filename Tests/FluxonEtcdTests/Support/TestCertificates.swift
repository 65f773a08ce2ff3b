import Foundation

/// An authority and what it vouches for: a server at 127.0.0.1 and a client. Made by `openssl` for one test.
struct TestCertificates {
    let authority: String
    let serverCertificate: String
    let serverKey: String
    let clientCertificate: String
    let clientKey: String
    private let folder: TemporaryFolder

    init(in folder: TemporaryFolder) async throws {
        self.folder = folder
        authority = folder.file("authority.pem")
        serverCertificate = folder.file("server.pem")
        serverKey = folder.file("server.key")
        clientCertificate = folder.file("client.pem")
        clientKey = folder.file("client.key")
        let script = """
            set -e
            cd '\(folder.path)'
            new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            $new -x509 -days 1 -subj '/CN=test authority' -keyout authority.key -out authority.pem
            for side in server client; do
                $new -subj "/CN=$side" -keyout $side.key -out $side.csr
                echo 'subjectAltName=IP:127.0.0.1' > $side.ext
                openssl x509 -req -days 1 -in $side.csr -CA authority.pem -CAkey authority.key -CAcreateserial -extfile $side.ext -out $side.pem
            done
            """
        let result = try await run("/bin/bash", ["-c", script])
        guard result.status == 0 else { throw CertificateFailure(output: result.output) }
    }
}

struct CertificateFailure: Error { let output: String }
