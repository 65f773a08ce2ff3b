import ArgumentParser
import FluxonCore
import FluxonMaster
import FluxonRole
import Logging

@main struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxon-master",
        abstract: "Membership, routing and leases of a Fluxon cluster. No value ever passes it.",
        discussion: "It needs an etcd (etcd_endpoints). Start it before the owners; deploy/master.yaml is an annotated example.")

    @Option(name: .long, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
    var config: String

    func run() async throws {
        let configuration: MasterConfiguration
        do { configuration = try MasterConfiguration(yaml: try RoleProcess.readConfiguration(config), file: config) } catch {
            RoleProcess.report(error)
            throw ExitCode(64)
        }
        var logger = RoleProcess.logger(label: "fluxon.master", level: configuration.logLevel.rawValue)
        logger[metadataKey: "fluxon.instance"] = "\(configuration.instanceKey)"
        await RoleProcess.run(MasterNode(configuration, logger: logger), logger: logger)
    }
}
