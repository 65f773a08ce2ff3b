/// Which RDMA devices of one owner may carry bulk data, as people switch them at run time. TCP needs no device and is always there.
///
///     allExcept(none) ──disable──▶ allExcept(devices) ──enable──▶ allExcept(fewer)
///          ▲                           │ switch
///          └──enable all── only(devices) ◀──┘       disable takes a device out of `only`, enable adds one
///
/// Recorded in etcd under `MetadataKeyspace.networkSettings(of:)` as one line: `disabled=mlx5_0,mlx5_1` or `only=mlx5_1`; an empty line
/// or no key at all: every device.
package enum NetworkSettings: Hashable, Sendable {
    case allExcept(Set<String>)
    case only(Set<String>)

    /// What holds as long as nobody has switched anything.
    package static let everyDevice = NetworkSettings.allExcept([])

    package func allows(_ device: String) -> Bool {
        switch self {
        case .allExcept(let devices): !devices.contains(device)
        case .only(let devices): devices.contains(device)
        }
    }

    /// The devices that these settings name, in order.
    package var named: [String] {
        switch self {
        case .allExcept(let devices), .only(let devices): devices.sorted()
        }
    }

    /// For a person.
    package var explanation: String {
        switch self {
        case .allExcept(let devices): devices.isEmpty ? "every device" : "every device but " + named.joined(separator: ", ")
        case .only(let devices): devices.isEmpty ? "no device" : "only " + named.joined(separator: ", ")
        }
    }
}

extension NetworkSettings {
    private static let disabledName = "disabled"
    private static let onlyName = "only"

    package var text: String {
        let list = named.joined(separator: ",")
        return switch self {
        case .allExcept(let devices): devices.isEmpty ? "" : AttributeLine([(Self.disabledName, list)]).text
        case .only: AttributeLine([(Self.onlyName, list)]).text
        }
    }

    /// Reads what `text` writes; attributes that are not known here are a newer version's. Nil for what is no such line.
    package init?(parsing text: String) {
        guard let line = AttributeLine(parsing: text) else { return nil }
        switch (line[Self.disabledName], line[Self.onlyName]) {
        case (nil, nil): self = .everyDevice
        case (let disabled?, nil):
            guard let devices = Self.devices(in: disabled) else { return nil }
            self = .allExcept(devices)
        case (nil, let only?):
            guard let devices = Self.devices(in: only) else { return nil }
            self = .only(devices)
        case (_?, _?): return nil
        }
    }

    private static func devices(in list: String) -> Set<String>? {
        let names = list.split(separator: ",").map(String.init)
        guard names.count <= Limits.networkDevices, names.allSatisfy(isDeviceName) else { return nil }
        return Set(names)
    }

    /// Whether the kernel could give a device this name: `mlx5_0`, `rxe_eth0`.
    package static func isDeviceName(_ text: String) -> Bool {
        let bytes = text.utf8
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return !bytes.isEmpty && bytes.count <= Limits.deviceNameBytes && bytes.allSatisfy(isPlain)
    }
}
