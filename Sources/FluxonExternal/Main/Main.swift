import ArgumentParser
import FluxonCore
import FluxonExternal
import FluxonRole
import Logging

@main struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon-external",
        abstract: "The sidecar of one business process: joins a Fluxon cluster in its name and attaches it to the owner of this machine.",
        discussion: "One per business process, beside an owner. deploy/external.yaml is an annotated example.")

    @Option(name: .long, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
    var config: String

    func run() async throws {
        let configuration: ExternalConfiguration
        do { configuration = try ExternalConfiguration(yaml: try RoleProcess.readConfiguration(config), file: config) } catch {
            RoleProcess.report(error)
            throw ExitCode(64)
        }
        var logger = RoleProcess.logger(label: "fluxon.external", level: configuration.logLevel.rawValue)
        logger[metadataKey: "fluxon.instance"] = "\(configuration.instanceKey)"
        await RoleProcess.run(ExternalNode(configuration, logger: logger), logger: logger)
    }
}
