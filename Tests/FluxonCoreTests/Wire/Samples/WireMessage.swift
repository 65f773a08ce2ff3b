import FluxonCore

/// One kind of message, and how any of it is made: whoever adds a kind or a field extends its sample, or a test says so.
protocol WireMessage: Hashable {
    static func sample(_ chance: inout WireChance) -> Self
    /// Fields that its type has for another message, and that it never carries.
    static var unsent: [String] { get }
    func encoded() -> [UInt8]
    init(decoding bytes: [UInt8]) throws
}

extension WireMessage {
    static var unsent: [String] { [] }
}

enum WireMessages {
    /// Every message of the wire (`Tests/FluxonTidyTests/LimitRules.swift` looks here).
    static var all: [any WireMessage.Type] {
        [
            AttachAnswer.self, AttachRequest.self, DirectoryPage.self, JoinAnswer.self, JoinRequest.self, KeysAnswer.self, KeysRequest.self,
            LocalAnswerFrame.self, LocalRequestFrame.self, MasterFrameSample.self, MembersAnswer.self, MembersRequest.self,
            NetworkAnswer.self, NetworkChange.self, NetworkChangeAnswer.self, NetworkReport.self, NetworkRequest.self,
            OwnerFrameSample.self, RecoveryAnswer.self, RecoveryRequest.self, StatusAnswer.self, TicketAnswer.self, TicketRequest.self,
        ]
    }
}

/// Which values of which fields the samples took: a field that never changes is not sampled.
struct WireCoverage {
    private var values: [String: Set<String>] = [:]

    mutating func note(_ value: Any, at path: String) {
        // Bytes are one value: some, as a key, are never empty.
        if type(of: value) == [UInt8].self, let bytes = value as? [UInt8] { return record("\(bytes.count) \(bytes.hashValue)", at: path) }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional:
            record(mirror.children.isEmpty ? "nil" : "some", at: path)
            if let child = mirror.children.first { note(child.value, at: path) }
        case .collection, .set, .dictionary:
            record("\(mirror.children.count > 0)", at: path)
            for child in mirror.children.prefix(64) { note(child.value, at: path + "[]") }
        case .enum where !mirror.children.isEmpty:
            for child in mirror.children {
                record(child.label ?? "", at: path)
                note(child.value, at: "\(path).\(child.label ?? "")")
            }
        case .struct, .tuple:
            if mirror.children.isEmpty { record("\(value)", at: path) }
            for child in mirror.children { note(child.value, at: "\(path).\(child.label ?? "")") }
        default: record("\(value)", at: path)
        }
    }

    private mutating func record(_ value: String, at path: String) {
        if values[path, default: []].count < 2 { values[path, default: []].insert(value) }
    }

    /// Fields that had one value only.
    var constant: [String] { values.filter { $0.value.count < 2 }.keys.sorted() }
}
