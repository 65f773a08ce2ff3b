import FluxonCore
import FluxonRPC
import FluxonSystem
import FluxonTransfer
import Glibc
import Synchronization

/// A holder of one value of zeros: gives out so many tickets, and serves so much of each range before it closes the connection.
/// Its bulk side is a thread with blocking calls, which knows the frames and nothing else of a transport.
final class ScriptedHolder: Sendable {
    let member: MemberDescription
    /// The ranges that were asked for, one per ticket used.
    var ranges: [Range<UInt64>] { recorded.withLock { $0 } }
    private let recorded = Mutex<[Range<UInt64>]>([])

    /// On `loop`, which `server` belongs to.
    ///
    /// - Parameters:
    ///   - tickets: Afterwards the value is gone.
    ///   - bytes: Bytes served per connection; nil: all that are asked for.
    init(_ name: String, on server: RPCServer, length: UInt64, tickets: Int, bytes: Int?) throws {
        let listener = try Socket.listen(on: .tcp(host: "127.0.0.1", port: 0))
        var member = MemberDescription(role: .owner, instanceKey: InstanceKey(name))
        member.bulkAddress = "\(try Socket.localAddress(of: listener.number))"
        member.address = "\(try server.listen(.tcp(host: "127.0.0.1", port: 0)))"
        self.member = member
        var left = tickets
        server.unaryNow(MethodPath.ownerTicket) { _, _ throws(RPCError) in
            left -= 1
            guard left >= 0 else { return TicketAnswer.gone.encoded() }
            return TicketAnswer.granted(ticket: Ticket(high: 1, low: 1).bytes, length: length, flags: 0).encoded()
        }
        let number = listener.release()
        Self.setBlocking(number)
        try KernelThread.start(name: "scripted-holder", detached: true) { [weak self] in
            for _ in 0..<tickets {
                let socket = accept(number, nil, nil)
                if let request = Self.request(on: socket) {
                    self?.recorded.withLock { $0.append(request.range) }
                    Self.serve(request, bytes: bytes, on: socket)
                }
                close(socket)
            }
            close(number)
        }
    }

    private static func request(on socket: CInt) -> RangeRequest? {
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            input += buffer[..<count]
            var bytes = ByteInput(input)
            if (try? Greeting.decode(&bytes)) != nil, let request = try? RangeRequest.decode(&bytes) { return request }
        }
    }

    private static func serve(_ request: RangeRequest, bytes limit: Int?, on socket: CInt) {
        var answer = ResponseHead(status: .ok, length: request.range.upperBound - request.range.lowerBound).encoded()
        let length = Int(request.range.upperBound - request.range.lowerBound)
        for start in stride(from: 0, to: min(length, limit ?? length), by: request.chunkBytes) {
            let chunk = [UInt8](repeating: 0, count: min(request.chunkBytes, length - start))
            answer += chunk
            answer.append(littleEndian: chunk.withUnsafeBytes { Checksum.crc32c($0) })
        }
        _ = send(socket, answer, answer.count, CInt(MSG_NOSIGNAL))
        // Until the asker closes, so that nothing sent is thrown away.
        shutdown(socket, CInt(SHUT_WR))
        var rest = [UInt8](repeating: 0, count: 4096)
        while recv(socket, &rest, rest.count, 0) > 0 {}
    }

    private static func setBlocking(_ descriptor: CInt) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    }
}
