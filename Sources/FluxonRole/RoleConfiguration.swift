package import FluxonCore

/// What every role's configuration has, for the process around its service.
package protocol RoleConfiguration: Sendable {
    init(yaml text: String, file: String) throws(ConfigurationError)
    var instanceKey: InstanceKey { get }
    var logLevel: LogVerbosity { get }
    /// The file that the log goes to beside standard error; nil: none.
    var logPath: String? { get }
}

extension MasterConfiguration: RoleConfiguration {
    package var logPath: String? { logDirectory.map { "\($0)/\(instanceKey).log" } }
}

extension OwnerConfiguration: RoleConfiguration {
    package var logPath: String? { sharedFilePath + "/owner.log" }
}

extension ExternalConfiguration: RoleConfiguration {
    package var logPath: String? { "\(sharedFilePath)/\(instanceKey).log" }
}
