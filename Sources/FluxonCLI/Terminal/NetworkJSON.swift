import FluxonCore

/// A report about owners' networks for a script.
enum NetworkJSON {
    static func value(of report: NetworkReport) -> JSONValue {
        .object([("owners", .array(report.owners.map(value))), ("problem", text(report.problem))])
    }

    private static func value(of owner: NetworkReport.Owner) -> JSONValue {
        let answer = owner.answer
        return .object([
            ("instance_key", .string(owner.name.name)), ("answered", .bool(answer != nil)), ("problem", text(owner.problem)),
            ("settings_asked", owner.recorded.map { settings($0) } ?? .null),
            ("settings_in_force", answer.map { settings($0.settings) } ?? .null),
            ("settings_pending", .bool(owner.isPending)), ("settings_problem", text(answer?.problem ?? "")),
            ("devices", .array((answer?.devices ?? []).map(device))), ("peers", .array((answer?.peers ?? []).map(peer))),
            ("peers_left_out", .unsigned(answer?.peersLeftOut ?? 0)), ("fallbacks", .unsigned(answer?.fallbacks ?? 0)),
            ("totals", .array((answer?.totals ?? []).map(path))),
        ])
    }

    static func settings(_ settings: NetworkSettings) -> JSONValue {
        let devices = JSONValue.array(settings.named.map { .string($0) })
        return switch settings {
        case .allExcept: .object([("disabled", devices)])
        case .only: .object([("only", devices)])
        }
    }

    private static func device(_ device: NetworkAnswer.Device) -> JSONValue {
        .object([
            ("name", .string(device.name)), ("port", .unsigned(UInt64(device.port))), ("state", .string(device.state.name)),
            ("reason", text(device.reason)), ("link_layer", text(device.linkLayer)), ("gid", text(device.gid)),
            ("gid_index", .unsigned(UInt64(device.gidIndex))), ("gid_type", text(device.gidType)), ("address", text(device.address)),
            ("mtu", .unsigned(UInt64(device.mtu))), ("numa_node", device.numaNode < 0 ? .null : .integer(device.numaNode)),
            ("rate_gbps", .unsigned(device.rateGigabits)), ("bytes_read", .unsigned(device.bytesRead)),
            ("bytes_served", .unsigned(device.bytesServed)), ("reads", .unsigned(device.reads)), ("errors", .unsigned(device.errors)),
            ("connections", .unsigned(device.connections)),
        ])
    }

    private static func peer(_ peer: NetworkAnswer.Peer) -> JSONValue {
        .object([
            ("instance_key", .string(peer.name.name)), ("path_in_use", text(peer.pathInUse)), ("fallbacks", .unsigned(peer.fallbacks)),
            ("paths", .array(peer.paths.map(path))),
        ])
    }

    private static func path(_ path: NetworkAnswer.Path) -> JSONValue {
        .object([
            ("path", .string(path.name)), ("reads", .unsigned(path.reads)), ("bytes", .unsigned(path.bytes)),
            ("bytes_served", .unsigned(path.bytesServed)), ("errors", .unsigned(path.errors)), ("last_error", text(path.lastError)),
            ("set_aside_ms", .unsigned(path.asideMilliseconds)),
        ])
    }

    private static func text(_ text: String) -> JSONValue { text.isEmpty ? .null : .string(text) }
}
