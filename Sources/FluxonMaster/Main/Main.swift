import ArgumentParser
import FluxonCore
import FluxonMaster
import FluxonRole
import FluxonVersion

@main struct Main: RoleCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon-master",
        abstract: "Membership, routing and leases of a Fluxon cluster. No value ever passes it.",
        discussion:
            "It needs an etcd, or keeps the metadata itself (embedded_metadata); deploy/config/master.yaml is an annotated example.",
        version: BuildIdentity.current.line(of: "fluxon-master"))

    @Option(name: .long, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
    var config: String

    func run() async {
        await RoleProcess.run("fluxon.master", file: config, MasterConfiguration.self) { MasterNode($0, logger: $1) }
    }
}
