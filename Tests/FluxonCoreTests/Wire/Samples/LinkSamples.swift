import FluxonCore

extension LinkCommit {
    static func sample(_ chance: inout WireChance) -> LinkCommit {
        LinkCommit(
            operation: chance.number(), key: chance.key(), kind: chance.chance() ? .put : .remove, byteCount: chance.number(),
            condition: chance.condition())
    }
}

extension OwnerMessage {
    static let kinds = 7

    /// No `default`: a new case gets a place here, and its sample below.
    var place: Int {
        switch self {
        case .commit: 0
        case .taken: 1
        case .confirm: 2
        case .lookup: 3
        case .drop: 4
        case .report: 5
        case .unreachable: 6
        }
    }

    static func sample(_ chance: inout WireChance) -> OwnerMessage {
        switch chance.index(below: kinds) {
        case 0: .commit(.sample(&chance))
        case 1: .taken(operation: chance.number())
        case 2: .confirm(upTo: chance.number())
        case 3: .lookup(LinkLookup(lookup: chance.number(), key: chance.key(), wants: chance.chance() ? .copy : .metadata))
        case 4: .drop(chance.key(), chance.version())
        case 5:
            .report(
                ReportPage(
                    entries: chance.boundedList(limit: 20) { chance in
                        ReportEntry(
                            key: chance.key(), version: chance.version(), byteCount: chance.number(),
                            parkedBy: chance.chance() ? chance.reference() : nil)
                    }, pending: chance.boundedList(limit: 20) { .sample(&$0) }, isLast: chance.chance()))
        default: .unreachable(chance.boundedList(limit: Limits.owners) { $0.owner() })
        }
    }
}

extension MasterMessage {
    static let kinds = 5

    var place: Int {
        switch self {
        case .done: 0
        case .invalidate: 1
        case .settled: 2
        case .restore: 3
        case .found: 4
        }
    }

    static func sample(_ chance: inout WireChance) -> MasterMessage {
        switch chance.index(below: kinds) {
        case 0:
            .done(operation: chance.number(), outcome(&chance), publishes: chance.chance(), isExposed: chance.chance())
        case 1:
            .invalidate(
                Invalidation(
                    number: chance.number(), key: chance.key(), upTo: chance.version(), cause: chance.chance() ? chance.reference() : nil))
        case 2:
            {
                let (one, other) = (chance.number(), chance.number())
                return .settled(min(one, other)...max(one, other))
            }()
        case 3: .restore(chance.key(), chance.version())
        default: .found(LookupAnswer(lookup: chance.number(), content: content(&chance)))
        }
    }

    private static func outcome(_ chance: inout WireChance) -> CommitOutcome {
        switch chance.index(below: 3) {
        case 0: .committed(chance.version())
        case 1: .conditionFailed(chance.chance() ? chance.version() : nil)
        default: .unknown
        }
    }

    private static func content(_ chance: inout WireChance) -> LookupAnswer.Content {
        switch chance.index(below: 3) {
        case 0: return .absent
        case 1: return .metadata(chance.version(), byteCount: chance.number())
        default:
            let holders = chance.boundedList(limit: Limits.answeredHolders) { OwnerID($0.number32() / 2 | 1) }
            let relays = Dictionary(holders.filter { _ in chance.chance() }.map { ($0, OwnerID($0.number / 3 + 1)) }) { first, _ in first }
            return .copy(
                FoundCopy(
                    version: chance.version(), byteCount: chance.number(), holders: holders, isRegistered: chance.chance(), relays: relays))
        }
    }
}

/// Both frames are one generic type, which conforms once.
struct OwnerFrameSample: WireMessage {
    let frame: OwnerFrame

    /// Owners send theirs with a hello.
    static var unsent: [String] { ["OwnerFrameSample.frame.mark"] }

    init(_ frame: OwnerFrame) { self.frame = frame }
    init(decoding bytes: [UInt8]) throws { frame = try OwnerFrame(decoding: bytes) }
    func encoded() -> [UInt8] { frame.encoded() }

    static func sample(_ chance: inout WireChance) -> OwnerFrameSample {
        var frame = OwnerFrame(term: chance.number(), session: chance.number())
        frame.messages = chance.boundedList(limit: 300) { .sample(&$0) }
        frame.first = min(chance.number(), .max - UInt64(frame.messages.count))
        frame.acknowledged = chance.number()
        switch chance.index(below: 3) {
        case 0: break
        case 1: frame.control = .heartbeat(sentAt: BootInstant(nanoseconds: chance.number()))
        default:
            var hello = LinkHello(cluster: chance.name().name, instance: chance.name(), life: chance.number())
            (hello.generation, hello.fenced) = (Generation(chance.number()), Generation(chance.number()))
            (hello.session, hello.term, hello.received) = (chance.number(), chance.number(), chance.number())
            (hello.owner, hello.mark) = (chance.owner(), chance.chance() ? chance.mark() : nil)
            (hello.readsThroughRelays, hello.isRelay, hello.subCluster) = (chance.chance(), chance.chance(), chance.name().name)
            frame.control = .hello(hello)
        }
        return Self(frame)
    }
}

struct MasterFrameSample: WireMessage {
    let frame: MasterFrame

    init(_ frame: MasterFrame) { self.frame = frame }
    init(decoding bytes: [UInt8]) throws { frame = try MasterFrame(decoding: bytes) }
    func encoded() -> [UInt8] { frame.encoded() }

    static func sample(_ chance: inout WireChance) -> MasterFrameSample {
        var frame = MasterFrame(term: chance.number(), session: chance.number())
        frame.messages = chance.boundedList(limit: 300) { .sample(&$0) }
        frame.first = min(chance.number(), .max - UInt64(frame.messages.count))
        frame.acknowledged = chance.number()
        frame.mark = chance.chance() ? chance.mark() : nil
        switch chance.index(below: 4) {
        case 0: break
        case 1:
            let reasons = (1...6).compactMap(LinkRefusal.Reason.init)
            frame.control = .refused(
                LinkRefusal(reasons[chance.index(below: reasons.count)], chance.text(limit: Limits.refusalBytes)))
        case 2:
            frame.control = .grant(
                LinkGrant(
                    sentAt: BootInstant(nanoseconds: chance.number()), length: .nanoseconds(Int64(chance.index(below: 1 << 40))),
                    barrier: chance.number()))
        default:
            var welcome = LinkWelcome(
                owner: chance.owner(), generation: Generation(chance.number()), isResumed: chance.chance(), received: chance.number(),
                keepsNothing: chance.chance())
            welcome.choosesRelays = chance.chance()
            frame.control = .welcome(welcome)
        }
        return Self(frame)
    }
}
