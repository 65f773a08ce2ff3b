/// One step by a person: `fluxon network enable|disable|switch`. Also the message that carries it to the master.
package struct NetworkChange: Hashable, Sendable {
    package enum Action: UInt64, Sendable, CaseIterable {
        /// These devices may be used again, beside those that may now.
        case enable = 1
        /// These devices may not be used.
        case disable = 2
        /// These devices and no others may be used.
        case switchTo = 3
        /// Every device may be used, also those that appear later; names none.
        case enableAll = 4
    }

    package var owner: InstanceKey
    package var action: Action
    package var devices: [String]

    package init(owner: InstanceKey, action: Action, devices: [String]) {
        self.owner = owner
        self.action = action
        self.devices = devices
    }

    /// - Throws: `tooManyDevices`; the settings stay as they were.
    package func applied(to settings: NetworkSettings) throws(NetworkChangeError) -> NetworkSettings {
        let changed: NetworkSettings =
            switch (action, settings) {
            case (.enableAll, _): .everyDevice
            case (.switchTo, _): .only(Set(devices))
            case (.enable, .allExcept(let disabled)): .allExcept(disabled.subtracting(devices))
            case (.enable, .only(let allowed)): .only(allowed.union(devices))
            case (.disable, .allExcept(let disabled)): .allExcept(disabled.union(devices))
            case (.disable, .only(let allowed)): .only(allowed.subtracting(devices))
            }
        let count = changed.named.count
        guard count <= Limits.networkDevices else { throw .tooManyDevices(count: count, limit: Limits.networkDevices) }
        return changed
    }
}

extension NetworkChange {
    /// Whether the owner has every device that is named. One that is gone can still be named as long as the settings name it.
    package func check(against answer: NetworkAnswer) throws(NetworkChangeError) {
        let known = Set(answer.devices.map(\.name)).union(answer.settings.named)
        guard let unknown = devices.first(where: { !known.contains($0) }) else { return }
        guard !known.isEmpty else { throw .noDevices(owner: owner.name) }
        throw .unknownDevice(unknown, owner: owner.name, known: known.sorted())
    }
}

/// Why a change of an owner's network settings was not made.
package enum NetworkChangeError: Error, Hashable, Sendable {
    case tooManyDevices(count: Int, limit: Int)
    case unknownOwner(String, known: [String])
    case unknownDevice(String, owner: String, known: [String])
    /// The owner says that it has no RDMA device.
    case noDevices(owner: String)
}

extension NetworkChangeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooManyDevices(let count, let limit):
            "the settings of one owner name at most \(limit) devices, these would name \(count); enable all (`fluxon network enable --all`) "
                + "and disable only what is wanted away"
        case .unknownOwner(let name, let known):
            known.isEmpty
                ? "no owner '\(name)': the cluster has no owner yet; start fluxon-owner"
                : "no owner '\(name)'; the owners are \(Self.list(known, nearestTo: name))"
        case .unknownDevice(let name, let owner, let known):
            "\(owner) has no device '\(name)'; its devices are \(Self.list(known, nearestTo: name))"
        case .noDevices(let owner):
            "\(owner) has no RDMA device to switch, and its values go over TCP; `fluxon members --network` shows what it uses"
        }
    }
}

extension NetworkChangeError {
    /// Names that a line of text lists; more would hide the one that was meant.
    private static let listedNames = 16

    private static func list(_ names: [String], nearestTo word: String) -> String {
        guard names.count > listedNames else { return names.joined(separator: ", ") }
        let shown = names.prefix(listedNames).joined(separator: ", ") + " and \(names.count - listedNames) more"
        return shown + (Suggestion.nearest(to: word, among: names).map { "; did you mean \($0)?" } ?? "")
    }
}

extension NetworkChange {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(owner.name, limit: Limits.nameBytes, field: 1)
        writer.unsigned(action.rawValue, field: 2)
        // Never cut: fewer devices, or a shorter name, would be another change. Too much is for the receiver to refuse.
        for device in devices { writer.string(device, limit: .max, field: 3) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        var owner = ""
        var action: Action?
        var devices: [String] = []
        while let field = try reader.next() {
            switch field {
            case 1: owner = try reader.string(limit: Limits.nameBytes)
            case 2: action = Action(rawValue: try reader.unsigned())
            case 3:
                guard devices.count < Limits.networkDevices else { throw .tooMany(field: 3, limit: Limits.networkDevices) }
                let name = try reader.string(limit: Limits.deviceNameBytes)
                guard NetworkSettings.isDeviceName(name) else { throw .invalidField(3) }
                devices.append(name)
            default: try reader.skip()
            }
        }
        guard !owner.isEmpty else { throw .invalidField(1) }
        guard let action else { throw .invalidField(2) }
        // Switching to nothing would be a disable of everything that nobody spelled out.
        guard devices.isEmpty == (action == .enableAll) else { throw .invalidField(3) }
        self.init(owner: InstanceKey(owner), action: action, devices: devices)
    }
}

/// The master's answer to a change: what is recorded now.
package struct NetworkChangeAnswer: Hashable, Sendable {
    package var settings: NetworkSettings
    /// Of etcd, at which this was written: the owner has it in force when it says this revision or a later one.
    package var revision: UInt64
    /// False: the settings were so before.
    package var isChanged: Bool

    package init(settings: NetworkSettings, revision: UInt64, isChanged: Bool) {
        self.settings = settings
        self.revision = revision
        self.isChanged = isChanged
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.string(settings.text, limit: Limits.attributeBytes, field: 1)
        writer.unsigned(revision, field: 2)
        writer.boolean(isChanged, field: 3)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(settings: .everyDevice, revision: 0, isChanged: false)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: settings = try reader.networkSettings(field: 1)
            case 2: revision = try reader.unsigned()
            case 3: isChanged = try reader.boolean()
            default: try reader.skip()
            }
        }
    }
}

extension ProtobufReader {
    /// - Throws: `.invalidField` for what is no line of settings.
    mutating func networkSettings(field: Int) throws(ProtobufError) -> NetworkSettings {
        guard let settings = NetworkSettings(parsing: try string(limit: Limits.attributeBytes)) else { throw .invalidField(field) }
        return settings
    }
}
