import FluxonSystem
import FluxonTLS

/// The bytes of one connection, as they are or within TLS. On the loop only.
///
/// Within TLS a call may move bytes of the wire and none of the caller's, and bytes may wait decrypted while the socket is empty: whoever
/// holds a stream watches its socket for `interest`, and reads again in a later turn while `hasPending`.
final class BulkStream {
    enum Outcome: Equatable {
        case moved(Int)
        case wouldBlock
        /// The connection is of no more use.
        case failed(TransferError.Reason)
    }

    /// Bytes of the wire that TLS takes at a time: some records of 16 KiB.
    private static let wireBytes = 128 << 10
    /// More than the longest record, of which a part may wait in TLS for the rest.
    private static let recordBytes = 17 << 10

    private let number: CInt
    private let tls: TLSSession?
    /// What TLS is fed from.
    private let wire: UnsafeMutableRawBufferPointer
    /// Bytes of TLS's output that are in the socket already.
    private var sent = 0
    /// Bytes that must wait in the socket for the kernel to report it.
    private var bytesPerWake = 1
    /// Found behind bytes that are good: they go to the caller first.
    private var broken: TLSError?

    /// - Parameters:
    ///   - number: A connected socket, open as long as this is used.
    ///   - tls: Nil: nothing is encrypted.
    init(_ number: CInt, tls: TLSSession?) {
        self.number = number
        self.tls = tls
        // SAFETY: allocated here, freed in `deinit`, used by this object alone.
        wire = .allocate(byteCount: tls == nil ? 0 : Self.wireBytes, alignment: 64)
    }

    deinit { wire.deallocate() }

    // MARK: What to watch for

    /// Whether both sides know each other: at once without TLS.
    private var isEstablished: Bool { tls?.isEstablished ?? true }

    private var hasOutput: Bool { tls?.output.isEmpty == false }

    /// - Parameter sends: The caller has bytes to send. They wait for the handshake.
    func interest(sends: Bool) -> Interest { hasOutput || (sends && isEstablished) ? [.readable, .writable] : .readable }

    /// Bytes came off the socket that no call has given to the caller yet.
    var hasPending: Bool { broken != nil || (tls?.hasPending ?? false) }

    /// Has the socket reported once about `bytes` of the caller's wait in it.
    func wake(after bytes: Int) {
        let bytes = tls == nil ? bytes : max(1, bytes - Self.recordBytes)
        guard bytes != bytesPerWake else { return }
        bytesPerWake = bytes
        Socket.setReceiveLowWater(number, bytes: bytes)
    }

    // MARK: Receiving

    func receive(into slices: [UnsafeMutableRawBufferPointer]) -> Outcome {
        guard let tls else { return Self.outcome(of: Socket.receive(number, slices: slices)) }
        if let broken { return failed(broken) }
        var moved = 0
        do throws(TLSError) {
            for slice in slices {
                var filled = 0
                while filled < slice.count {
                    switch try tls.decrypt(into: UnsafeMutableRawBufferPointer(rebasing: slice[filled...])) {
                    case .bytes(let count):
                        filled += count
                        moved += count
                    case .closed: return moved > 0 ? .moved(moved) : Self.outcome(of: .ended)
                    case .needsBytes:
                        if let stop = try refill(tls) { return moved > 0 ? .moved(moved) : stop }
                    }
                }
            }
            return .moved(moved)
        } catch {
            guard moved > 0 else { return failed(error) }
            broken = error
            return .moved(moved)
        }
    }

    /// Feeds TLS from the socket. Nil: it did.
    private func refill(_ tls: TLSSession) throws(TLSError) -> Outcome? {
        switch Socket.receive(number, into: wire) {
        case .moved(let count):
            try tls.feed(UnsafeRawBufferPointer(rebasing: wire[..<count]))
            // A handshake answers.
            let outcome = flush()
            if case .failed = outcome { return outcome }
            return nil
        case .ended where !tls.isEstablished:
            return .failed(
                .connectionLost("closed by \(tls.peer) before TLS was agreed on; check that both owners are configured with tls"))
        case .ended: return Self.outcome(of: .ended)
        case .wouldBlock: return .wouldBlock
        case .failed(let errno): return Self.outcome(of: .failed(errno: errno))
        }
    }

    // MARK: Sending

    /// With TLS the bytes are free for reuse when this returns, and `flush` may have more to do.
    func send(_ slices: [UnsafeRawBufferPointer]) -> Outcome {
        guard let tls else { return Self.outcome(of: Socket.send(number, slices: slices)) }
        let before = flush()
        guard case .moved = before else { return before }
        var moved = 0
        do throws(TLSError) {
            if !tls.isEstablished { try tls.handshake() }
            if tls.isEstablished {
                for slice in slices {
                    var taken = 0
                    while taken < slice.count {
                        taken += try tls.encrypt(UnsafeRawBufferPointer(rebasing: slice[taken...]))
                    }
                    moved += taken
                }
            }
        } catch {
            return failed(error)
        }
        let outcome = flush()
        if case .failed = outcome { return outcome }
        return tls.isEstablished ? .moved(moved) : .wouldBlock
    }

    /// Moves TLS's output into the socket. `wouldBlock`: some is left.
    func flush() -> Outcome {
        guard let tls else { return .moved(0) }
        let output = tls.output
        while sent < output.count {
            switch Socket.send(number, UnsafeRawBufferPointer(rebasing: output[sent...])) {
            case .moved(let count): sent += count
            case .wouldBlock: return .wouldBlock
            case .ended: return Self.outcome(of: .ended)
            case .failed(let errno): return Self.outcome(of: .failed(errno: errno))
            }
        }
        if !output.isEmpty { tls.outputTaken() }
        sent = 0
        return .moved(0)
    }

    /// Says that nothing more comes from here.
    func close() {
        tls?.close()
        _ = flush()
    }

    // MARK: Failing

    /// The last words of TLS (its alert) go out, so that the peer learns why.
    private func failed(_ error: TLSError) -> Outcome {
        _ = flush()
        // What broke in the middle is a broken path; what could not be agreed on is no better over another connection. In TLS 1.3 the
        // asker learns what the source thinks of its certificate after its own part of the handshake.
        return .failed(isEstablished && error.kind != .refusedByPeer ? .connectionLost(error.message) : .securityFailed(error))
    }

    private static func outcome(of transfer: Socket.Transfer) -> Outcome {
        switch transfer {
        case .moved(let count): .moved(count)
        case .wouldBlock: .wouldBlock
        case .ended: .failed(.connectionLost("closed by the source"))
        case .failed(let errno): .failed(.connectionLost(SystemError.message(errno)))
        }
    }
}
