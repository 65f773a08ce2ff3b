/// What travels in one message of the stream between an owner and a master: a run of numbered messages, an acknowledgement, and at
/// most one of the unnumbered parts, which matter only on the connection that carries them.
package struct LinkFrame<Message: Hashable & Sendable, Control: Hashable & Sendable>: Hashable, Sendable {
    package var term: UInt64
    /// Number of the session; 0 in a hello before there is one.
    package var session: UInt64
    /// Number of the first of `messages`; the others follow without a gap.
    package var first: UInt64 = 0
    /// Every message up to this number, of the other direction, is processed.
    package var acknowledged: UInt64 = 0
    package var messages: [Message] = []
    package var control: Control?
    /// Master → owner: how far its history is known to be in etcd, behind everything that this frame shows. Only when it has changed, and
    /// only to owners that the roster has as `in` by it.
    package var mark: HistoryMark?

    package init(term: UInt64, session: UInt64, control: Control? = nil) {
        self.term = term
        self.session = session
        self.control = control
    }
}

package typealias OwnerFrame = LinkFrame<OwnerMessage, OwnerControl>
package typealias MasterFrame = LinkFrame<MasterMessage, MasterControl>

package enum OwnerControl: Hashable, Sendable {
    case hello(LinkHello)
    /// The owner's clock when this was sent (L2).
    case heartbeat(sentAt: BootInstant)
}

package enum MasterControl: Hashable, Sendable {
    case welcome(LinkWelcome)
    case refused(LinkRefusal)
    case grant(LinkGrant)
}

/// The first frame of an owner on a new connection.
package struct LinkHello: Hashable, Sendable {
    package var cluster: String
    package var instance: InstanceKey
    /// A random number of this process: tells a repeated hello from a new generation.
    package var life: UInt64
    /// What an earlier welcome gave; 0 before.
    package var generation = Generation(0)
    /// The generation whose pool this process found and fenced (R1); 0: none.
    package var fenced = Generation(0)
    /// The session to go on with, 0 for none, in `term`, the highest that the owner has seen.
    package var session: UInt64 = 0
    package var term: UInt64 = 0
    /// Last number processed in that session.
    package var received: UInt64 = 0
    /// The number that the last welcome gave; 0 before, and from owners that do not know of histories.
    package var owner = OwnerID(0)
    /// The last mark that a master told it.
    package var mark: HistoryMark?
    /// It reads through another owner where an answer says so.
    package var readsThroughRelays = false
    /// It lends itself to others as such an owner.
    package var isRelay = false
    /// Relays of the asker's or the holder's own group are preferred; empty: none.
    package var subCluster = ""

    package init(cluster: String, instance: InstanceKey, life: UInt64) {
        self.cluster = cluster
        self.instance = instance
        self.life = life
    }
}

/// The first frame of a master: the session that this connection carries.
package struct LinkWelcome: Hashable, Sendable {
    package var owner: OwnerID
    package var generation: Generation
    /// True: the session goes on behind `received`. False: it is new, and the owner reports what it has.
    package var isResumed: Bool
    /// Last number of the owner's messages that was processed.
    package var received: UInt64
    /// The owner is not believed (R6, or declared lost): it retires everything before it reports; its pending operations end unknown.
    package var keepsNothing: Bool
    /// This master wants to hear which owners cannot be reached (`OwnerMessage.unreachable`).
    package var choosesRelays = false

    package init(owner: OwnerID, generation: Generation, isResumed: Bool, received: UInt64, keepsNothing: Bool) {
        self.owner = owner
        self.generation = generation
        self.isResumed = isResumed
        self.received = received
        self.keepsNothing = keepsNothing
    }
}

/// Why a hello is not answered by a welcome. The connection is closed after it.
package struct LinkRefusal: Hashable, Sendable {
    package enum Reason: UInt64, Hashable, Sendable {
        /// Another cluster's name: a configuration mistake.
        case clusterMismatch = 1
        /// A newer process took this `instance_key`.
        case superseded = 2
        /// The owner has seen a higher term than this master's.
        case oldTerm = 3
        /// Not yet: an earlier life of this owner may still be read (R1). Try again.
        case notYet = 4
        /// The frame makes no sense.
        case protocolViolation = 5
        /// etcd does not know the terms that the owner has seen: it was wiped, replaced, or restored from an older state. Only to owners
        /// whose hello names their number.
        case unknownHistory = 6
    }

    package let reason: Reason
    package let message: String

    package init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}

/// A validity lease (L2): `sentAt` + `length` on the owner's clock, once every message up to `barrier` is processed.
package struct LinkGrant: Hashable, Sendable {
    package let sentAt: BootInstant
    package let length: Duration
    package let barrier: UInt64

    package init(sentAt: BootInstant, length: Duration, barrier: UInt64) {
        self.sentAt = sentAt
        self.length = length
        self.barrier = barrier
    }
}
