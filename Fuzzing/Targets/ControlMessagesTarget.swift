import FluxonCore

/// Joining, members, status and tickets; the first byte chooses the message.
enum ControlMessagesTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let kind = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch kind % 6 {
        case 0: RoundTrip.check(bytes, decode: JoinRequest.init(decoding:)) { $0.encoded() }
        case 1: RoundTrip.check(bytes, decode: JoinAnswer.init(decoding:)) { $0.encoded() }
        case 2: RoundTrip.check(bytes, decode: MembersAnswer.init(decoding:)) { $0.encoded() }
        case 3: RoundTrip.check(bytes, decode: StatusAnswer.init(decoding:)) { $0.encoded() }
        case 4: RoundTrip.check(bytes, decode: TicketRequest.init(decoding:)) { $0.encoded() }
        default: RoundTrip.check(bytes, decode: TicketAnswer.init(decoding:)) { $0.encoded() }
        }
    }
}
