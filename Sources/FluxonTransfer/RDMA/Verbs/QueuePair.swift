import CVerbs
import FluxonCore
import FluxonSystem

/// Whoever uses a queue pair. Called on the loop, with completions in the order of the work.
protocol QueuePairUser: AnyObject {
    /// A message came; its bytes are lent for this call.
    func received(_ message: UnsafeRawBufferPointer)
    /// The oldest read on its way has brought its bytes, or will bring none any more.
    func readEnded(_ failure: QueuePair.Failure?)
    /// A message that was sent with a receipt has left, or never will.
    func sent(receipt: UInt64, _ failure: QueuePair.Failure?)
    /// Something else was given up: a message without receipt, a buffer for one.
    func failed(_ failure: QueuePair.Failure)
}

/// A reliable connection's queue pair with its completion queue and the memory of its messages. On the loop only.
///
///     open ──disconnect, or a failure──▶ error (what was posted comes back failed) ──closed──▶ remains ──destroyed by the reaper──▶ gone
///
/// Nothing touches the memory of its work once that has come back, or when its remains are destroyed.
final class QueuePair {
    struct Failure {
        let text: String
        /// Given up because the queue pair was closed: the first failure says why.
        let isFlushed: Bool
    }

    struct Sizes {
        /// Reads and messages on their way.
        var sends: Int
        /// Messages that may arrive before they are looked at.
        var receives: Int
        /// Most bytes of a message sent, and of one received.
        var sentBytes: Int
        var receivedBytes: Int
    }

    private enum Kind: UInt64 { case receive = 1, read, message, receipt }
    private static let kindShift: UInt64 = 56
    /// As many as the library is asked for at once.
    private static let completionsPerTurn = 16

    private let id: ConnectionID
    private let queue: OpaquePointer
    private let pair: OpaquePointer
    private let loop: EventLoop
    private let channel: CompletionChannel
    private let tag: UInt64
    private let sizes: Sizes
    private let inlineBytes: Int
    /// Received messages, then sent ones, a place each.
    private let memory: UnsafeMutableRawBufferPointer
    private let region: VerbsRegion
    private var ledger: SendLedger
    private var isDestroyed = false
    /// Whether the next completion is reported.
    private var isArmed = true
    private let busyPoll: Duration
    private var lastCompletion: BootInstant
    private lazy var pollAgain: () -> Void = { [weak self] in self?.poll() }
    weak var user: (any QueuePairUser)?

    /// Reads whose bytes may still come.
    private(set) var readsOnTheirWay = 0
    /// Buffers for messages that the device has.
    private(set) var receivesPosted = 0

    init(_ id: ConnectionID, rail: RDMARail, sizes: Sizes) throws(SystemError) {
        self.id = id
        self.sizes = sizes
        loop = rail.loop
        busyPoll = rail.busyPoll
        lastCompletion = rail.loop.now
        channel = rail.completions
        ledger = SendLedger(capacity: sizes.sends)
        // SAFETY: allocated here, freed with the remains, when the device has let go of it.
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: sizes.receives * sizes.receivedBytes + sizes.sends * sizes.sentBytes, alignment: 4096)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        self.memory = memory
        let made: Made
        do throws(SystemError) { made = try Self.make(id, rail, sizes, memory) } catch {
            memory.deallocate()
            throw error
        }
        (region, queue, pair, tag, inlineBytes) = (made.region, made.queue, made.pair, made.tag, made.inlineBytes)
        made.report.pair = self
        _ = cfluxon_rdma_arm(queue)
        for slot in 0..<sizes.receives { postReceive(slot) }
    }

    deinit { precondition(isDestroyed, "a queue pair is closed before it is let go of") }

    private final class Report { weak var pair: QueuePair? }
    private typealias Made = (
        region: VerbsRegion, queue: OpaquePointer, pair: OpaquePointer, tag: UInt64, inlineBytes: Int, report: Report
    )

    private static func make(
        _ id: ConnectionID, _ rail: RDMARail, _ sizes: Sizes, _ memory: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Made {
        let region = try VerbsRegion(rail.domain, memory, isReadable: false)
        let report = Report()
        let tag = rail.completions.add { report.pair?.completionsWait() }
        var queue: OpaquePointer?
        var pair: OpaquePointer?
        do throws(SystemError) {
            _ = try verb(
                cfluxon_rdma_completion_queue_create(
                    rail.context, rail.completions.handle, CInt(sizes.sends + sizes.receives), tag, &queue), "make a completion queue")
            guard let queue else { throw SystemError("make a completion queue", errno: 0) }
            var given = cfluxon_rdma_queue_sizes(
                sends: UInt32(sizes.sends), receives: UInt32(sizes.receives), inline_bytes: UInt32(min(sizes.sentBytes, 64)), _padding: 0)
            _ = try verb(cfluxon_rdma_queue_pair_create(id.handle, rail.domain, queue, &given, &pair), "make a queue pair")
            guard let pair else { throw SystemError("make a queue pair", errno: 0) }
            return (region, queue, pair, tag, Int(given.inline_bytes), report)
        } catch {
            rail.completions.remove(tag)
            if let queue { cfluxon_rdma_completion_queue_destroy(queue) }
            throw error
        }
    }

    // MARK: Work

    /// Whether `count` more sends have room.
    func hasRoom(for count: Int) -> Bool { ledger.room >= count }

    /// A device that reports what has left later than the peer answers it ends the connection, not the process.
    private func requireRoom() throws(SystemError) {
        guard ledger.room > 0 else { throw SystemError("post RDMA work: all \(sizes.sends) places of the send queue are taken", errno: 0) }
    }

    /// Starts to read a piece. Reads end in the order of their start.
    func read(_ piece: ReadPiece) throws(SystemError) {
        try requireRoom()
        let work = ledger.post(isSignalled: true)
        var read = cfluxon_rdma_read(
            work: Kind.read.rawValue << Self.kindShift | work.sequence, local_address: UInt64(piece.localAddress),
            remote_address: piece.remoteAddress, byte_count: UInt32(piece.byteCount), local_key: piece.localKey,
            remote_key: piece.remoteKey, _padding: 0)
        _ = try verb(cfluxon_rdma_post_read(pair, &read), "post an RDMA read of \(piece.byteCount) bytes")
        readsOnTheirWay += 1
    }

    /// Sends a message of at most `sentBytes`, which `write` writes to where it leaves from.
    func send(_ write: (inout OutputRawSpan) -> Void) throws(SystemError) {
        _ = try send(write, body: nil, bodyKey: 0)
    }

    /// The same followed by bytes that lie in registered memory; they are the device's until `sent`.
    ///
    /// - Returns: What `sent` will name.
    func send(body: UnsafeRawBufferPointer, key: UInt32, _ write: (inout OutputRawSpan) -> Void) throws(SystemError) -> UInt64 {
        try send(write, body: body, bodyKey: key)
    }

    private func send(
        _ write: (inout OutputRawSpan) -> Void, body: UnsafeRawBufferPointer?, bodyKey: UInt32
    ) throws(SystemError) -> UInt64 {
        try requireRoom()
        let place = sizes.receives * sizes.receivedBytes + ledger.nextSlot * sizes.sentBytes
        let slot = UnsafeMutableRawBufferPointer(rebasing: memory[place..<place + sizes.sentBytes])
        // SAFETY: the device has let go of this place, and `memory` outlives the call.
        var output = OutputRawSpan(buffer: slot, initializedCount: 0)
        write(&output)
        let byteCount = output.finalize(for: slot)
        let isInline = body == nil && byteCount <= inlineBytes
        let work = ledger.post(isSignalled: !isInline)
        let kind = body == nil ? Kind.message : Kind.receipt
        var raw = cfluxon_rdma_message(
            work: kind.rawValue << Self.kindShift | work.sequence, head_address: UInt64(UInt(bitPattern: slot.baseAddress)),
            body_address: UInt64(UInt(bitPattern: body?.baseAddress)), head_bytes: UInt32(byteCount),
            body_bytes: UInt32(body?.count ?? 0), head_key: region.localKey, body_key: bodyKey, is_inline: isInline ? 1 : 0,
            is_signalled: work.isSignalled ? 1 : 0)
        _ = try verb(cfluxon_rdma_post_send(pair, &raw), "post an RDMA message")
        return work.sequence
    }

    private func postReceive(_ slot: Int) {
        let address = UInt64(UInt(bitPattern: memory.baseAddress)) + UInt64(slot * sizes.receivedBytes)
        let work = Kind.receive.rawValue << Self.kindShift | UInt64(slot)
        // A queue pair in error refuses it: then nothing comes any more.
        guard cfluxon_rdma_post_receive(pair, work, address, UInt32(sizes.receivedBytes), region.localKey) == 0 else { return }
        receivesPosted += 1
    }

    // MARK: Completions

    private func completionsWait() {
        isArmed = false
        poll()
    }

    /// Takes what is there, turn by turn so that others have theirs, and asks for a report only when nothing is.
    private func poll() {
        guard !isDestroyed else { return }
        if take() > 0 {
            if busyPoll > .zero { lastCompletion = loop.now }
        } else if !isWorthPolling {
            guard !isArmed else { return }
            _ = cfluxon_rdma_arm(queue)
            isArmed = true
            // What came before it was asked for is not reported.
            guard take() > 0 else { return }
        }
        loop.inNextTick(pollAgain)
    }

    /// Whether something is awaited that will come sooner than a sleeping loop wakes.
    private var isWorthPolling: Bool {
        busyPoll > .zero && readsOnTheirWay > 0 && loop.now.since(lastCompletion) < busyPoll
    }

    private func take() -> Int {
        withUnsafeTemporaryAllocation(of: cfluxon_rdma_completion.self, capacity: Self.completionsPerTurn) { found in
            let count = max(Int(cfluxon_rdma_poll(queue, found.baseAddress, CInt(found.count))), 0)
            let user = user
            for completion in found.prefix(count) where !isDestroyed { ended(completion, user) }
            return count
        }
    }

    private func ended(_ completion: cfluxon_rdma_completion, _ user: (any QueuePairUser)?) {
        let failure = completion.status == 0 ? nil : Failure(completion.status)
        let number = completion.work & (1 << Self.kindShift - 1)
        switch Kind(rawValue: completion.work >> Self.kindShift) {
        case .receive: receiveEnded(slot: Int(number), byteCount: Int(completion.byte_count), failure, user)
        case .read:
            ledger.completed(number)
            readsOnTheirWay -= 1
            user?.readEnded(failure)
        case .receipt:
            ledger.completed(number)
            user?.sent(receipt: number, failure)
        case .message:
            ledger.completed(number)
            if let failure { user?.failed(failure) }
        case nil: assertionFailure("work \(completion.work) was never posted")
        }
    }

    private func receiveEnded(slot: Int, byteCount: Int, _ failure: Failure?, _ user: (any QueuePairUser)?) {
        receivesPosted -= 1
        if let failure { return user?.failed(failure) ?? () }
        let start = slot * sizes.receivedBytes
        user?.received(UnsafeRawBufferPointer(rebasing: memory[start..<start + min(byteCount, sizes.receivedBytes)]))
        if !isDestroyed { postReceive(slot) }
    }

    // MARK: The end

    /// Moves the queue pair to error without a word to the peer.
    func fail() { _ = cfluxon_rdma_fail(pair) }

    /// Nothing is reported after this. What is left is to be destroyed, before the connection's id.
    func close() -> Remains {
        precondition(!isDestroyed, "closed once")
        isDestroyed = true
        channel.remove(tag)
        return Remains(id: id, queue: queue, region: region, memory: memory)
    }

    /// What the kernel and the device still have of it.
    struct Remains {
        fileprivate let id: ConnectionID
        fileprivate let queue: OpaquePointer
        fileprivate let region: VerbsRegion
        fileprivate let memory: UnsafeMutableRawBufferPointer

        /// No memory of its work is touched any more when this returns, which may take as long as the kernel likes.
        func destroy() {
            cfluxon_rdma_queue_pair_destroy(id.handle)
            cfluxon_rdma_completion_queue_destroy(queue)
            region.deregister()
            memory.deallocate()
        }
    }
}

extension QueuePair.Failure {
    fileprivate init(_ status: UInt32) {
        self.init(text: String(cString: cfluxon_rdma_status_text(status)), isFlushed: cfluxon_rdma_is_flushed(status) != 0)
    }
}
