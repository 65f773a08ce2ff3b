import FluxonTLS

/// Both sides of a connection, with the wire between them in hand.
final class TLSStage {
    enum Place: Int {
        case client, server

        var other: Place { self == .client ? .server : .client }
    }

    private struct Side {
        let session: TLSSession
        /// What it said within TLS, and how much of that the other has read.
        var said: [UInt8] = []
        var heard = 0
        /// On its way to the other.
        var wire: [UInt8] = []
    }

    private var sides: [Side]

    private static let contexts: (server: TLSContext, client: TLSContext, anonymous: TLSContext) = {
        let folder = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/Certificates/"
        let trusted = TLSConfiguration(trustedAuthoritiesPath: folder + "fuzzing.pem")
        var known = trusted
        known.certificateChainPath = folder + "fuzzing.pem"
        known.privateKeyPath = folder + "fuzzing.key"
        do { return (try .server(known), try .client(known), try .client(trusted)) } catch { fatalError("contexts: \(error)") }
    }()

    init(showsCertificate: Bool, isSameProtocol: Bool) {
        let (serving, knownClient, anonymous) = Self.contexts
        let client = (showsCertificate ? knownClient : anonymous).makeSession(host: "127.0.0.1", peer: "server", protocol: .bulk)
        let server = serving.makeSession(host: "", peer: "client", protocol: isSameProtocol ? .bulk : .http2)
        sides = [Side(session: client), Side(session: server)]
        // Its greeting.
        _ = try? client.handshake()
    }

    func step(_ script: inout ByteScript) {
        let from: Place = script.chance() ? .client : .server
        switch script.below(8) {
        case 0: say(from, script.block())
        // More than a record of TLS.
        case 1: say(from, [UInt8](repeating: script.byte(), count: 20_000))
        case 2: if script.below(8) == 0 { sides[from.rawValue].session.close() }
        case 3: feed(from.other, take(from, count: Int(script.byte())))
        case 4: feed(from.other, Self.damaged(take(from, count: .max), &script))
        default: feed(from.other, take(from, count: .max))
        }
    }

    private static func damaged(_ bytes: [UInt8], _ script: inout ByteScript) -> [UInt8] {
        guard !bytes.isEmpty else { return script.block() }
        let place = Int(script.byte()) << 8 | Int(script.byte())
        let start = place % bytes.count
        switch script.below(4) {
        case 0:
            var bytes = bytes
            bytes[start] ^= 1 << UInt8(script.below(8))
            return bytes
        case 1: return Array(bytes[..<start])
        case 2: return bytes + bytes[start...]
        default: return bytes[..<start] + script.block() + bytes[start...]
        }
    }

    private func say(_ place: Place, _ bytes: [UInt8]) {
        let side = sides[place.rawValue].session
        let taken = (try? bytes.withUnsafeBytes { try side.encrypt($0) }) ?? 0
        sides[place.rawValue].said += bytes.prefix(taken)
    }

    /// The next bytes that `place` has on the wire.
    private func take(_ place: Place, count: Int) -> [UInt8] {
        let side = sides[place.rawValue].session
        sides[place.rawValue].wire += side.output
        side.outputTaken()
        let bytes = Array(sides[place.rawValue].wire.prefix(count))
        sides[place.rawValue].wire.removeFirst(bytes.count)
        return bytes
    }

    /// Bytes of the wire arrive at `place`, which reads what it can.
    func feed(_ place: Place, _ bytes: [UInt8]) {
        let side = sides[place.rawValue].session
        _ = try? bytes.withUnsafeBytes { try side.feed($0) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case .bytes(let count)? = try? buffer.withUnsafeMutableBytes({ try side.decrypt(into: $0) }) {
            let other = place.other.rawValue
            let start = sides[other].heard
            guard sides[other].said.dropFirst(start).starts(with: buffer[..<count]) else {
                fatalError("\(count) bytes came out of TLS that were never said")
            }
            sides[other].heard += count
        }
        _ = (side.hasPending, side.isClosed, side.peerName)
    }

    func close() { for side in sides { side.session.close() } }
}
