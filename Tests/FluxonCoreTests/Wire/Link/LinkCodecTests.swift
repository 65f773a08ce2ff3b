import FluxonCore
import Testing

@Suite struct LinkCodecTests {
    private static let version = Version(term: 7, sequence: 1 << 40)
    private static let cause = OperationReference(owner: OwnerID(3), generation: Generation(2), number: 99)

    private static func key(_ text: String) throws -> Key { try Key(text) }

    private static func ownerFrames() throws -> [OwnerFrame] {
        var hello = LinkHello(cluster: "c", instance: InstanceKey("a"), life: .max)
        hello.generation = Generation(2)
        hello.fenced = Generation(1)
        hello.session = 5
        hello.term = 7
        hello.received = 300
        hello.owner = OwnerID(9)
        hello.mark = HistoryMark(term: 6, writes: 3, owners: 2)
        hello.readsThroughRelays = true
        hello.isRelay = true
        hello.subCluster = "rack-7"
        let conditions: [CommitCondition] = [.none, .absent, .present, .version(version)]
        var messages: [OwnerMessage] = try conditions.enumerated().map { number, condition in
            let kind = number == 0 ? CommitKind.remove : .put
            return .commit(
                LinkCommit(operation: UInt64(number + 1), key: try key("k"), kind: kind, byteCount: 1 << 33, condition: condition))
        }
        messages += [
            .unreachable([]), .unreachable([OwnerID(3), OwnerID(4_000)]),
            .taken(operation: 12), .confirm(upTo: 4), .drop(try key("d"), version),
            .lookup(LinkLookup(lookup: 1, key: try key("l"), wants: .copy)),
            .lookup(LinkLookup(lookup: 2, key: try key("l"), wants: .metadata)),
            .report(
                ReportPage(
                    entries: [
                        ReportEntry(key: try key("live"), version: version, byteCount: 5, parkedBy: nil),
                        ReportEntry(key: try key("parked"), version: version, byteCount: 0, parkedBy: cause),
                    ],
                    pending: [LinkCommit(operation: 9, key: try key("p"), kind: .put, byteCount: 1, condition: .none)], isLast: true)),
        ]
        var frame = OwnerFrame(term: 7, session: 5, control: .heartbeat(sentAt: BootInstant(nanoseconds: 123_456_789_012)))
        frame.first = 17
        frame.acknowledged = 4
        frame.messages = messages
        return [OwnerFrame(term: 7, session: 0, control: .hello(hello)), frame]
    }

    private static func masterFrames() throws -> [MasterFrame] {
        var welcome = LinkWelcome(owner: OwnerID(9), generation: Generation(2), isResumed: true, received: 300, keepsNothing: true)
        welcome.choosesRelays = true
        let grant = LinkGrant(sentAt: BootInstant(nanoseconds: 5), length: .seconds(3), barrier: 20)
        let copy = FoundCopy(version: version, byteCount: 1 << 33, holders: [OwnerID(1), OwnerID(4_000)], isRegistered: true)
        let relayed = FoundCopy(
            version: version, byteCount: 1, holders: [OwnerID(1), OwnerID(2), OwnerID(3)], isRegistered: true,
            relays: [OwnerID(2): OwnerID(4_000)])
        let alone = FoundCopy(version: version, byteCount: 0, holders: [], isRegistered: false)
        var frame = MasterFrame(term: 7, session: 5, control: .grant(grant))
        frame.first = 1
        frame.mark = HistoryMark(term: 7, writes: 1 << 33, owners: 4_000)
        frame.messages = [
            .done(operation: 1, .committed(version), publishes: true), .done(operation: 2, .conditionFailed(version), publishes: false),
            .done(operation: 3, .conditionFailed(nil), publishes: false), .done(operation: 4, .unknown, publishes: false),
            .done(operation: 5, .committed(version), publishes: true, isExposed: true),
            .invalidate(Invalidation(number: 8, key: try key("i"), upTo: version, cause: cause)),
            .invalidate(Invalidation(number: 9, key: try key("i"), upTo: version, cause: nil)), .settled(3...7),
            .restore(try key("r"), version),
            .found(LookupAnswer(lookup: 1, content: .absent)),
            .found(LookupAnswer(lookup: 2, content: .metadata(version, byteCount: 7))),
            .found(LookupAnswer(lookup: 3, content: .copy(copy))), .found(LookupAnswer(lookup: 4, content: .copy(alone))),
            .found(LookupAnswer(lookup: 5, content: .copy(relayed))),
        ]
        return [
            MasterFrame(term: 7, session: 5, control: .welcome(welcome)),
            MasterFrame(term: 7, session: 0, control: .refused(LinkRefusal(.superseded, "another"))),
            MasterFrame(term: 7, session: 0, control: .refused(LinkRefusal(.unknownHistory, "etcd was wiped"))), frame,
        ]
    }

    @Test("every message of the link comes back as it was")
    func roundTrip() throws {
        for frame in try Self.ownerFrames() { #expect(try OwnerFrame(decoding: frame.encoded()) == frame) }
        for frame in try Self.masterFrames() { #expect(try MasterFrame(decoding: frame.encoded()) == frame) }
    }

    @Test("a frame that is cut or changed is refused or read, and never traps")
    func damaged() throws {
        let frames = try Self.ownerFrames().map { $0.encoded() } + Self.masterFrames().map { $0.encoded() }
        var state: UInt64 = 1
        for bytes in frames {
            for length in 0..<bytes.count { decode(Array(bytes.prefix(length))) }
            for _ in 0..<2_000 {
                var changed = bytes
                for _ in 0..<3 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    changed[Int((state >> 33) % UInt64(changed.count))] = UInt8(truncatingIfNeeded: state >> 20)
                }
                decode(changed)
            }
        }
    }

    private func decode(_ bytes: [UInt8]) {
        _ = try? OwnerFrame(decoding: bytes)
        _ = try? MasterFrame(decoding: bytes)
    }

    @Test("a commit without a key, and a number behind the end of numbers, are refused")
    func impossible() throws {
        var writer = ProtobufWriter()
        writer.message(field: 8) { $0.message(field: 1) { $0.unsigned(1 as UInt64, field: 1) } }
        #expect(throws: ProtobufError.invalidField(2)) { try OwnerFrame(decoding: writer.bytes) }
        var frame = OwnerFrame(term: 1, session: 1)
        frame.first = .max
        frame.messages = [.taken(operation: 1)]
        #expect(throws: ProtobufError.invalidField(3)) { try OwnerFrame(decoding: frame.encoded()) }
    }
}
