import FluxonCore
import FluxonSystem
import Testing

/// The files of `deploy/` are what an operator starts from: they must be read as they are, and with every comment taken away too.
@Suite struct DeployConfigurationTests {
    private static func text(_ name: String) throws -> String {
        String(decoding: try File.readAll("\(Repository.root)/deploy/config/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    /// The file with each commented line of YAML made a line of YAML: `# key: …` and what is indented below it.
    private static func everything(_ name: String) throws -> String {
        try text(name).split(separator: "\n").filter { !$0.isEmpty }.compactMap { line -> String? in
            guard line.drop(while: { $0 == " " }).hasPrefix("#") else { return String(line) }
            guard line.hasPrefix("# ") else { return nil }
            let content = line.dropFirst(2)
            let isKey = content.prefix { $0 != ":" }.allSatisfy { $0 == " " || $0 == "_" || ($0.isASCII && $0.isLowercase) }
            let word = content.drop { $0 == " " }.prefix { $0 != ":" }
            return isKey && content.contains(":") && !word.contains(" ") ? String(content) : nil
        }.joined(separator: "\n")
    }

    @Test("the files are read as they are")
    func asTheyAre() throws {
        #expect(try MasterConfiguration(yaml: Self.text("master.yaml"), file: "master.yaml").clusterName == "production")
        #expect(try OwnerConfiguration(yaml: Self.text("owner.yaml"), file: "owner.yaml").poolBytes == 4 << 30)
        #expect(
            try ExternalConfiguration(yaml: Self.text("external.yaml"), file: "external.yaml").socketPath
                == "/run/fluxon/owner/worker-1.sock")
    }

    @Test("every key that a comment shows is a key that the role takes")
    func commentedKeys() throws {
        let master = try MasterConfiguration(yaml: Self.everything("master.yaml"), file: "master.yaml")
        #expect(
            master.tls != nil && master.etcd != nil && master.monitoring != nil && master.embeddedMetadata != nil
                && master.logDirectory != nil)
        #expect(master.network.advertise == "10.0.0.1")
        let owner = try OwnerConfiguration(yaml: Self.everything("owner.yaml"), file: "owner.yaml")
        #expect(owner.tls != nil && owner.etcd != nil && owner.subCluster != nil && owner.network.advertise == "10.0.0.2")
        #expect(owner.network.rdmaDeviceNames == ["mlx5_0", "mlx5_1"])
        let external = try ExternalConfiguration(yaml: Self.everything("external.yaml"), file: "external.yaml")
        #expect(external.subCluster != nil)
    }
}
