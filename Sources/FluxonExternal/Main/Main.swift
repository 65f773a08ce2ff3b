import ArgumentParser
import FluxonCore
import FluxonExternal
import FluxonRole
import FluxonVersion

@main struct Main: RoleCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon-external",
        abstract: "The sidecar of one business process: joins a Fluxon cluster in its name and attaches it to the owner of this machine.",
        discussion: "One per business process, beside an owner. deploy/config/external.yaml is an annotated example.",
        version: BuildIdentity.current.line(of: "fluxon-external"))

    @Option(name: .long, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
    var config: String

    func run() async {
        await RoleProcess.run("fluxon.external", file: config, ExternalConfiguration.self) { ExternalNode($0, logger: $1) }
    }
}
