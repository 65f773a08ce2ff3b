import ArgumentParser
import FluxonCore

/// `fluxon network`
struct NetworkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "Show and switch the RDMA devices of owners while they run.",
        discussion: """
            A switch is recorded in etcd by the master and takes effect on the running owner within a second: reads that run on a device \
            that may no longer be used finish or move to another path. It outlives restarts of the owner and of the master. With no device \
            left, values go over TCP.

            Examples:
              fluxon network list
              fluxon network disable --owner owner-1 mlx5_1
              fluxon network switch --owner owner-1 --to mlx5_0
              fluxon network enable --owner owner-1 --all
            """,
        subcommands: [NetworkListCommand.self, NetworkEnableCommand.self, NetworkDisableCommand.self, NetworkSwitchCommand.self],
        defaultSubcommand: NetworkListCommand.self)
}

struct NetworkListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the owners' devices, with the settings that are asked for and those in force.",
        discussion: """
            ASKED is what is recorded in etcd, IN FORCE what the owner says that it goes by. They differ for milliseconds after a switch, \
            and for longer when the owner is away or cannot reach etcd. `fluxon members --network` shows the traffic too.
            """)

    @Option(help: ArgumentHelp("Only this owner.", valueName: "name"))
    var owner: String?

    @OptionGroup var attach: AttachOptions

    func run() async throws {
        let control = try ControlClient(path: attach.path(), timeout: attach.duration)
        let report = if let owner { try await control.network(ofOwner: owner) } else { try await control.network(NetworkRequest()) }
        guard !attach.json else { return Terminal.line(NetworkJSON.value(of: report).text()) }
        NetworkText(report).show(paths: false)
    }
}

struct NetworkEnableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Let an owner use devices again.",
        discussion: "Beside those that it may use now. --all takes every restriction away, also for devices that appear later.")

    @OptionGroup var target: NetworkTarget

    @Argument(help: ArgumentHelp("The devices' names, as `fluxon network list` shows them.", valueName: "device"))
    var devices: [String] = []

    @Flag(help: "Every device, instead of some.")
    var all = false

    @OptionGroup var attach: AttachOptions

    func validate() throws {
        guard devices.isEmpty == all else { throw ValidationError("name the devices, or give --all") }
        try NetworkTarget.check(devices)
    }

    func run() async throws {
        try await target.change(all ? .enableAll : .enable, devices, attach)
    }
}

struct NetworkDisableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Keep an owner from using devices.",
        discussion: "Reads that run on them finish or move. When none is left, values go over TCP.")

    @OptionGroup var target: NetworkTarget

    @Argument(help: ArgumentHelp("The devices' names, as `fluxon network list` shows them.", valueName: "device"))
    var devices: [String]

    @OptionGroup var attach: AttachOptions

    func validate() throws { try NetworkTarget.check(devices) }

    func run() async throws { try await target.change(.disable, devices, attach) }
}

struct NetworkSwitchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switch", abstract: "Make an owner use these devices and no others.",
        discussion: "`fluxon network enable --all` takes it back.")

    @OptionGroup var target: NetworkTarget

    @Option(help: ArgumentHelp("A device to use; may be given several times.", valueName: "device"))
    var to: [String]

    @OptionGroup var attach: AttachOptions

    func validate() throws {
        guard !to.isEmpty else { throw ValidationError("--to must name at least one device") }
        try NetworkTarget.check(to)
    }

    func run() async throws { try await target.change(.switchTo, to, attach) }
}
