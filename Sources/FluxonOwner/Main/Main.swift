import ArgumentParser
import FluxonCore
import FluxonOwner
import FluxonRole
import FluxonVersion

@main struct Main: RoleCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon-owner",
        abstract: "Lends a pool of shared memory to a Fluxon cluster and moves values to and from other owners.",
        discussion: "One per machine. It finds the master through etcd (etcd_endpoints); deploy/config/owner.yaml is an annotated example.",
        version: BuildIdentity.current.line(of: "fluxon-owner"))

    @Option(name: .long, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
    var config: String

    func run() async {
        await RoleProcess.run("fluxon.owner", file: config, OwnerConfiguration.self) { OwnerNode($0, logger: $1) }
    }
}
