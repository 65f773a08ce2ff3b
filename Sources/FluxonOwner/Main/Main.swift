import ArgumentParser
import FluxonCore
import FluxonOwner
import FluxonRole
import Logging

@main struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon-owner",
        abstract: "Lends a pool of shared memory to a Fluxon cluster and moves values to and from other owners.",
        discussion: "One per machine. It finds the master through etcd (etcd_endpoints); deploy/owner.yaml is an annotated example.")

    @Option(name: .long, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
    var config: String

    func run() async throws {
        let configuration: OwnerConfiguration
        do { configuration = try OwnerConfiguration(yaml: try RoleProcess.readConfiguration(config), file: config) } catch {
            RoleProcess.report(error)
            throw ExitCode(64)
        }
        var logger = RoleProcess.logger(label: "fluxon.owner", level: configuration.logLevel.rawValue)
        logger[metadataKey: "fluxon.instance"] = "\(configuration.instanceKey)"
        await RoleProcess.run(OwnerNode(configuration, logger: logger), logger: logger)
    }
}
