import FluxonCore

/// Joining, members, status, tickets, networks and keys; the first byte chooses the message.
enum ControlMessagesTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let kind = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch kind % 13 {
        case 0: RoundTrip.check(bytes, decode: JoinRequest.init(decoding:)) { $0.encoded() }
        case 1: RoundTrip.check(bytes, decode: JoinAnswer.init(decoding:)) { $0.encoded() }
        case 2: RoundTrip.check(bytes, decode: MembersAnswer.init(decoding:)) { $0.encoded() }
        case 3: RoundTrip.check(bytes, decode: StatusAnswer.init(decoding:)) { $0.encoded() }
        case 4: RoundTrip.check(bytes, decode: TicketRequest.init(decoding:)) { $0.encoded() }
        case 5: RoundTrip.check(bytes, decode: TicketAnswer.init(decoding:)) { $0.encoded() }
        case 6: RoundTrip.check(bytes, decode: NetworkRequest.init(decoding:)) { $0.encoded() }
        case 7: RoundTrip.check(bytes, decode: NetworkReport.init(decoding:)) { $0.encoded() }
        case 8: RoundTrip.check(bytes, decode: NetworkChange.init(decoding:)) { $0.encoded() }
        case 9: RoundTrip.check(bytes, decode: NetworkChangeAnswer.init(decoding:)) { $0.encoded() }
        case 11: RoundTrip.check(bytes, decode: KeysRequest.init(decoding:)) { $0.encoded() }
        case 12: RoundTrip.check(bytes, decode: KeysAnswer.init(decoding:)) { $0.encoded() }
        default: settings(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// As an owner reads them in etcd, where anybody may have written.
    private static func settings(_ text: String) {
        guard let settings = NetworkSettings(parsing: text) else { return }
        precondition(NetworkSettings(parsing: settings.text) == settings, "settings are read as they were written")
    }
}
