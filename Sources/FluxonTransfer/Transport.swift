package import FluxonCore

/// Another owner, as the roster has it: how each transport reaches it.
package struct TransferPeer: Hashable, Sendable {
    package let name: InstanceKey
    /// By the kind of transport, in its own notation: `"tcp": "10.0.0.2:7001"`, `"rdma": "10.1.0.2:7001 10.2.0.2:7001"`.
    package let addresses: [String: String]

    package init(name: InstanceKey, addresses: [String: String]) {
        self.name = name
        self.addresses = addresses
    }
}

/// One range to be read under one ticket over one path.
package struct ReadOrder: Sendable {
    package let address: String
    package let ticket: Ticket
    package let version: Version
    /// Bytes of the value; they go to the start of `destination`.
    package let range: Range<UInt64>
    package let destination: Destination
    package let deadline: BootInstant

    package init(
        address: String, ticket: Ticket, version: Version, range: Range<UInt64>, destination: Destination, deadline: BootInstant
    ) {
        self.address = address
        self.ticket = ticket
        self.version = version
        self.range = range
        self.destination = destination
        self.deadline = deadline
    }
}

extension ReadOrder {
    /// Why a transport does not begin it; nil: it can.
    func refusal(isClosed: Bool) -> TransferError.Reason? {
        guard !isClosed else { return .closed }
        guard range.byteCount > UInt64(destination.bytes.count) else { return nil }
        return .destinationTooSmall(bytes: destination.bytes.count, needed: range.byteCount)
    }
}

/// A way of reading another owner's memory. Everything happens on one event loop; nothing is thread-safe.
///
/// The contract that the conformance suite checks:
/// - `completion` is called exactly once, never from within `read`, and **only when the transport will not touch the destination
///   any more** (M6). Until then the memory is in quarantine, also after `cancel` and after the deadline;
/// - success means that every byte came and every checksum was right;
/// - cancelling closes the path: the source learns it and unpins;
/// - every order ends by its deadline, whatever the peer does.
package protocol Transport: AnyObject {
    /// Its name in logs and metrics, and what its health is known by.
    var name: String { get }

    /// Transports of one kind are equally good: they take turns, and share large reads. Default: its name.
    var kind: String { get }

    /// Where it reaches `peer`; nil: nowhere.
    func address(of peer: TransferPeer) -> String?

    /// Whether a read from there could start now. No while the settings leave this transport no device (a read that it carries then ends
    /// with `.disabled`), and while it looks by itself for a path that it lost: no read pays for the attempt.
    func canRead(from address: String) -> Bool

    func read(_ order: ReadOrder, completion: @escaping (Result<Void, TransferError>) -> Void) -> any RunningRead

    /// The way to `address` as people are told of it: `rdma mlx5_0`. Default: the transport's name.
    func describe(_ address: String) -> String

    /// Ends every read with `.closed`.
    func close()
}

extension Transport {
    package var kind: String { name }
    package func address(of peer: TransferPeer) -> String? { peer.addresses[name] }
    package func canRead(from address: String) -> Bool { true }
    package func describe(_ address: String) -> String { name }
}

/// A read on its way.
package protocol RunningRead: AnyObject {
    /// Closes the path. The completion follows with `.cancelled`, unless it was on its way already.
    func cancel()
}

/// Time as transports need it; on the loop only.
package protocol TransferClock: AnyObject {
    var now: BootInstant { get }
    /// Calls `body` at `instant` or later, never from within this call.
    func schedule(at instant: BootInstant, _ body: @escaping () -> Void) -> any TransferTimer
}

package protocol TransferTimer: AnyObject {
    func cancel()
}

/// The owner's side of a transfer: what a ticket stands for. On the loop only.
package protocol TransferSource: AnyObject {
    /// Binds the ticket to `path` and lends the bytes of exactly `claim.range`. They stay in place until `done` or `pathClosed`.
    func redeem(_ claim: TicketClaim, on path: PathID) -> SourceAnswer
    /// Nothing will be read under this ticket any more.
    func done(_ ticket: Ticket)
    /// Nothing will be read over this path any more.
    func pathClosed(_ path: PathID)
}

/// What a source says to a claim.
package enum SourceAnswer: Sendable {
    case bytes(SourceBytes)
    case gone
    case notYet
    case refused
}
