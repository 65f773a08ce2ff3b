package import FluxonCore

/// What the peer of one connection may cost: in a turn of the loop, and over the connection's life. Rules without I/O and clock.
///
///     within its share ──calls, frames or header bytes of the turn are used──▶ waits ──next turn──▶ within its share
///         └──more oddities, resets, fields in one list or unsent frames than it may──▶ over: the connection ends
///
/// An oddity is a frame that asks for work and brings none. Calls and the DATA that goes to the peer give reason for some, so that these
/// pay for themselves; so do calls that end in order for resets. What is left is an allowance that grows back with time.
package struct ConnectionBudget: Sendable {
    /// Why a connection ends.
    package enum Excess: Hashable, Sendable, CustomStringConvertible {
        case oddities(limit: Int)
        case resets(limit: Int)
        case headerBytes(limit: Int)
        case unsentFrames(limit: Int)

        package var description: String {
            switch self {
            case .oddities(let limit): "more than \(limit) frames that carry nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA)"
            case .resets(let limit): "more than \(limit) calls were reset"
            case .headerBytes(let limit): "more than \(limit) bytes of header fields in one call"
            case .unsentFrames(let limit): "more than \(limit) answers wait, and it does not read them"
            }
        }
    }

    package enum Frame: Sendable {
        /// Carries a part of a call.
        case payload
        case oddity
        /// Changes the window of each of so many calls.
        case settings(streams: Int)
        case reset
    }

    /// What a SETTINGS frame costs as oddities, and how many calls whose windows it may move cost one more.
    private static let settingsCost = 20
    private static let windowsPerOddity = 32
    /// What a list of fields over its limit, or an unfinished message too many, costs as oddities.
    private static let refusalCost = 50
    /// Oddities that a DATA frame to the peer gives reason for: it moves two windows.
    private static let odditiesPerData = 2

    private static let leastReadBytes = 16 << 10
    private static let mostReadBytes = 256 << 10
    /// From this many bytes in each frame on, bytes and not frames are what a read costs.
    private static let longFrameBytes = 512

    private let limits: RPCLimits
    private var oddities: Allowance
    private var resets: Allowance
    private var turnFrames = 0
    private var turnCalls = 0
    private var turnHeaderBytes = 0
    private var turnBytes = 0
    /// How many bytes to read in a turn: few of a peer whose frames are short, since each of them costs time.
    package private(set) var readBytes = Self.leastReadBytes
    /// Of the list of fields that is being read.
    private var listBytes = 0
    /// Set once, for good.
    package private(set) var excess: Excess?

    package init(limits: RPCLimits) {
        self.limits = limits
        oddities = Allowance(most: limits.oddities, perSecond: limits.odditiesPerSecond)
        resets = Allowance(most: limits.resets, perSecond: limits.resetsPerSecond)
    }

    /// The connection has had its share of this turn.
    package var mustWait: Bool {
        turnFrames >= limits.turnFrames || turnCalls >= limits.turnCalls || turnHeaderBytes >= limits.turnHeaderBytes
    }

    package mutating func beginTurn() {
        if turnBytes > 0 {
            let isBulk = turnBytes >= max(turnFrames, 1) * Self.longFrameBytes
            readBytes = isBulk ? min(readBytes * 2, Self.mostReadBytes) : Self.leastReadBytes
        }
        turnBytes = 0
        turnFrames = 0
        turnCalls = 0
        turnHeaderBytes = 0
    }

    /// Whether `refill` is worth reading a clock.
    package var isLow: Bool { oddities.isLow || resets.isLow }

    package mutating func refill(now: BootInstant) {
        oddities.refill(now: now)
        resets.refill(now: now)
    }

    package mutating func read(_ byteCount: Int) { turnBytes += byteCount }

    // MARK: What the peer does. False: the connection is over.

    package mutating func received(_ frame: Frame) -> Bool {
        turnFrames += 1
        switch frame {
        case .payload: return true
        case .oddity: return takeOddities(1)
        case .settings(let streams): return takeOddities(Self.settingsCost + streams / Self.windowsPerOddity)
        case .reset:
            guard !resets.take(1) else { return true }
            return exceed(.resets(limit: limits.resets))
        }
    }

    package mutating func beganCall() {
        turnCalls += 1
        oddities.give(1)
    }

    package mutating func beganList() { listBytes = 0 }

    /// - Parameter byteCount: Of a field, as HTTP/2 counts it.
    package mutating func receivedField(_ byteCount: Int) -> Bool {
        turnHeaderBytes += byteCount
        listBytes += byteCount
        return listBytes <= limits.headerWalkBytes || exceed(.headerBytes(limit: limits.headerWalkBytes))
    }

    /// A call was refused for what it announced or brought.
    package mutating func refusedCall() -> Bool { takeOddities(Self.refusalCost) }

    /// - Parameter unsent: Frames without DATA that wait for the peer to read.
    package mutating func leaves(unsent: Int) -> Bool {
        unsent <= limits.queuedFrames || exceed(.unsentFrames(limit: limits.queuedFrames))
    }

    // MARK: What gives reason for more

    package mutating func sentData() { oddities.give(Self.odditiesPerData) }

    package mutating func endedCall() { resets.give(1) }

    private mutating func takeOddities(_ count: Int) -> Bool {
        oddities.take(count) || exceed(.oddities(limit: limits.oddities))
    }

    private mutating func exceed(_ excess: Excess) -> Bool {
        if self.excess == nil { self.excess = excess }
        return false
    }
}

/// So much at once, and so much more in each second.
private struct Allowance {
    private let most: Int
    private let perSecond: Int
    private var left: Int
    private var refilled: BootInstant?

    init(most: Int, perSecond: Int) {
        self.most = most
        self.perSecond = perSecond
        left = most
    }

    var isLow: Bool { left < most / 2 }

    mutating func take(_ count: Int) -> Bool {
        guard left >= count else { return false }
        left -= count
        return true
    }

    mutating func give(_ count: Int) { left = min(most, left + count) }

    /// From the first time on that it was low.
    mutating func refill(now: BootInstant) {
        guard let refilled else {
            refilled = now
            return
        }
        let milliseconds = Int(clamping: now.since(refilled).clampedNanoseconds / 1_000_000)
        let gain = min(milliseconds, 1 << 30) * perSecond / 1000
        guard gain > 0 else { return }
        self.refilled = now
        give(gain)
    }
}
