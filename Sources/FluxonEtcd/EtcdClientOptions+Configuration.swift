package import FluxonCore
internal import FluxonSystem

extension EtcdClientOptions {
    /// What a role's configuration says about its etcd. Reads the password's file.
    package init(_ endpoints: [NetworkEndpoint], _ access: EtcdAccessConfiguration?) throws {
        try self.init(endpoints: endpoints)
        guard let access else { return }
        authorities = access.ca
        certificate = access.certificate
        privateKey = access.key
        if let user = access.username, let file = access.passwordFile {
            let text = try File.readAll(file, limit: Limits.attributeBytes)
            let line = text.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            credentials = Credentials(user: user, password: String(decoding: line, as: UTF8.self))
        }
    }
}
