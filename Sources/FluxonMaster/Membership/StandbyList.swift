import FluxonCore
import FluxonEtcd

/// The masters that wait for the leadership, as they write themselves into etcd: for `fluxon members`; no rule relies on it.
struct StandbyList: Sendable {
    private var masters: [[UInt8]: MemberDescription] = [:]

    var all: [MemberDescription] { masters.values.sorted { $0.instanceKey < $1.instanceKey } }

    /// What a mirror of `MetadataKeyspace.standbys` tells. What is no line of a master is passed over.
    mutating func apply(_ event: EtcdMirrorEvent) {
        switch event {
        case .snapshot(let keyValues, _):
            masters = [:]
            for keyValue in keyValues { set(keyValue.key, keyValue.value) }
        case .changes(let events, _):
            for event in events { set(event.keyValue.key, event.kind == .delete ? nil : event.keyValue.value) }
        }
    }

    /// - Parameter line: nil: the key is gone.
    mutating func set(_ key: [UInt8], _ line: [UInt8]?) {
        guard let master = line.flatMap(Self.master) else { return masters[key] = nil }
        // A cluster has a few; so many were written by somebody else.
        guard masters.count < Self.limit || masters[key] != nil else { return }
        masters[key] = master
    }

    static let limit = 64

    private static func master(_ value: [UInt8]) -> MemberDescription? {
        guard let line = String(validating: value, as: UTF8.self).flatMap(AttributeLine.init(parsing:)),
            let name = line["instance"], !name.isEmpty, name.utf8.count <= Limits.nameBytes
        else { return nil }
        var master = MemberDescription(role: .master, instanceKey: InstanceKey(name))
        master.address = String((line["address"] ?? "").prefix(Limits.nameBytes / 4))
        master.host = String((line["host"] ?? "").prefix(Limits.nameBytes / 4))
        master.processID = line["pid"].flatMap { UInt64($0) } ?? 0
        return master
    }
}
