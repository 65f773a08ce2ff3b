/// A session without a connection, for fuzzing and tests: answers, pauses, fails and cancels depending on what it is asked, and
/// checks that each call ends exactly once.
package final class RPCSessionProbe {
    private let session: RPCSession
    private var begun = 0
    private var ended = 0
    private var isOver = false
    package private(set) var messages: [[UInt8]] = []
    package private(set) var statuses: [RPCStatus] = []

    package static let limits = RPCLimits.with {
        $0.messageBytes = 1 << 16
        $0.headerListBytes = 4096
        $0.queuedBytes = 1 << 18
        $0.concurrentStreams = 16
    }

    package init(isServer: Bool) {
        session = RPCSession(role: isServer ? .server : .client, limits: Self.limits)
        session.onRequest = { [unowned self] in accept($0) }
        guard !isServer else { return }
        for number in 0..<4 {
            let stream = RPCStream(path: "/probe/\(number)", metadata: RPCMetadata(), limits: Self.limits)
            watch(stream)
            _ = session.open(stream, RPCStream.Opening(authority: "probe", scheme: "http", timeout: .seconds(1)))
            stream.send([UInt8](repeating: UInt8(number), count: number * 1000))
            if number % 2 == 0 { stream.halfClose() }
            if number == 3 { stream.pauseReading() }
        }
        drain()
    }

    /// Takes bytes of the peer; false when the session is over and takes no more.
    package func receive(_ bytes: [UInt8]) -> Bool {
        guard !isOver else { return false }
        let isFine = bytes.withUnsafeBytes { bytes in
            do throws(RPCError) {
                try receiveAll(bytes)
                return true
            } catch {
                return false
            }
        }
        if !isFine { isOver = true }
        drain()
        if session.isOver { isOver = true }
        return !isOver
    }

    /// One turn after the other, as the budget asks for them.
    private func receiveAll(_ bytes: UnsafeRawBufferPointer) throws(RPCError) {
        var rest = bytes
        repeat {
            session.budget.beginTurn()
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(try session.receive(rest)))
        } while session.isPaused
        precondition(rest.isEmpty, "bytes were left without a turn to come")
    }

    /// What waits to be sent.
    @discardableResult
    package func drain() -> [UInt8] {
        var sent: [UInt8] = []
        do throws(RPCError) {
            repeat {
                try session.produce(limit: 1 << 18)
                while !session.output.isEmpty {
                    let count = session.output.withFirst {
                        sent.append(contentsOf: $0)
                        return $0.count
                    }
                    session.output.removeFirst(count)
                }
            } while session.wantsWrite && sent.count < 1 << 22 && session.output.byteCount > 0
        } catch {
            isOver = true
        }
        return sent
    }

    /// The connection is gone: every call must have ended once after this.
    package func end() {
        session.end(with: RPCStatus(.unavailable, "the probe is over"))
        precondition(ended <= begun, "a call ended twice")
        precondition(session.streams.isEmpty, "a call outlived its session")
    }

    private func accept(_ stream: RPCStream) {
        watch(stream)
        switch stream.path.utf8.last {
        case UInt8(ascii: "p"):
            stream.pauseReading()
        case UInt8(ascii: "c"): stream.cancel()
        case UInt8(ascii: "f"): stream.finish(RPCStatus(.failedPrecondition, "asked to fail", trailers: stream.metadata))
        case UInt8(ascii: "m"):
            stream.initialMetadata = stream.metadata
            stream.sendInitialMetadata()
        default: break
        }
    }

    private func watch(_ stream: RPCStream) {
        begun += 1
        stream.onMessage = { [unowned self, unowned stream] message in
            if messages.count < 64 { messages.append(message) }
            if stream.isReadingPaused { preconditionFailure("a message came to a reader that pauses") }
            if !stream.isClient { stream.send(message) }
        }
        stream.onHalfClose = { [unowned stream] in stream.finish(.ok) }
        var hasEnded = false
        stream.onEnd = { [unowned self] status in
            precondition(!hasEnded, "a call ended twice")
            hasEnded = true
            ended += 1
            if statuses.count < 64 { statuses.append(status) }
        }
    }

    /// The messages in `bytes`, fed `pieces` bytes at a time, up to the first failure.
    package static func decodeMessages(_ bytes: [UInt8], pieces: Int) -> [[UInt8]] {
        var decoder = MessageDecoder()
        var messages: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + max(pieces, 1), bytes.count)
            let isFine = bytes[start..<end].withUnsafeBytes { piece in
                var rest = piece
                do throws(MessageDecoder.Failure) {
                    while let message = try decoder.next(&rest, limit: 1 << 16) { messages.append(message) }
                    return true
                } catch {
                    return false
                }
            }
            guard isFine else { break }
            start = end
        }
        return messages
    }

    /// Every small decoder for header fields, on bytes of the peer.
    package static func decodeTexts(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { text in
            _ = GRPCWire.timeout(text)
            _ = GRPCWire.decodeMessage(text)
            _ = Base64.decode(text)
            var block = HeaderBlock()
            var path = ""
            let middle = text.count / 2
            block.add(UnsafeBufferPointer(rebasing: text[..<middle]), UnsafeBufferPointer(rebasing: text[middle...]), knownPath: &path)
        }
    }
}
