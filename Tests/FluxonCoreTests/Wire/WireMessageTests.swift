import FluxonCore
import Testing

/// What a sender can produce a receiver takes, at each limit and beyond.
@Suite(.timeLimit(.minutes(5))) struct WireMessageTests {
    private static let seeds: UInt64 = 40

    private func check<Message: WireMessage>(_ type: Message.Type, seed: UInt64, _ coverage: inout WireCoverage) throws {
        var chance = WireChance(seed: seed)
        let message = Message.sample(&chance)
        coverage.note(message, at: "\(type)")
        let bytes = message.encoded()
        #expect(bytes.count <= Limits.rpcMessageBytes)
        do {
            let read = try Message(decoding: bytes)
            if !chance.exceeds { #expect(read == message, "\(type), seed \(seed)") }
        } catch {
            Issue.record("\(type), seed \(seed), \(bytes.count) bytes: \(error)")
        }
    }

    @Test("every message that a sender can make is read, and is the same where it keeps to its limits", arguments: WireMessages.all.indices)
    func taken(place: Int) throws {
        var coverage = WireCoverage()
        let type = WireMessages.all[place]
        for seed in 0..<Self.seeds { try check(type, seed: seed, &coverage) }
        #expect(coverage.constant == type.unsent, "fields that no sample fills")
    }

    @Test("the samples have every case of what is numbered or named on its own")
    func cases() {
        var chance = WireChance(seed: 1)
        #expect(Set((0..<400).map { _ in OwnerMessage.sample(&chance).place }).count == OwnerMessage.kinds)
        #expect(Set((0..<400).map { _ in MasterMessage.sample(&chance).place }).count == MasterMessage.kinds)
        #expect(Set((0..<400).map { _ in LocalRequest.sample(&chance).place }).count == LocalRequest.kinds)
        #expect(Set((0..<400).map { _ in LocalAnswer.sample(&chance).place }).count == LocalAnswer.kinds)
    }

    @Test("whatever one turn of a process brings goes in messages that its owner takes, in order", arguments: [1, 4096, 4097, 9000])
    func manyRequests(count: Int) throws {
        var chance = WireChance(seed: UInt64(count))
        let requests = (0..<count).map { LocalRequest(id: UInt64($0), body: .cancel) } + (0..<50).map { _ in LocalRequest.sample(&chance) }
        let received = (0..<UInt64(count)).map { $0 }
        var writer = LocalFrameWriter()
        var messages: [[UInt8]] = []
        var parts: [LocalRequest] = []
        for request in requests {
            request.forEachPart { part in
                parts.append(part)
                writer.append(part)
                if writer.isFull, let message = writer.takeRequests(received: []) { messages.append(message) }
            }
        }
        var rest = received[...]
        while let message = writer.takeRequests(received: rest.prefix(Limits.localFrameElements)) {
            messages.append(message)
            rest = rest.dropFirst(Limits.localFrameElements)
        }
        let frames = try messages.map { try LocalRequestFrame(decoding: $0) }
        #expect(frames.flatMap(\.requests) == parts)
        #expect(frames.flatMap(\.received) == received)
    }

    @Test("an answer that names more extents than one message may goes as several; the request's own comes last, and nothing is missing")
    func longAnswers() throws {
        let extents = (0..<3000).map { LocalExtent(offset: UInt64($0) << 12, capacity: 4096) }
        for body in [
            LocalAnswer.Body.granted(.init(extents: extents, spans: extents)), .recall(extents),
            .outcome(.init(counter: 1, result: .committed(Version(term: 1, sequence: 1)), refill: .init(extents: extents, spans: extents))),
        ] {
            var parts: [LocalAnswer] = []
            LocalAnswer(id: 7, body: body).forEachPart { parts.append($0) }
            let read = try LocalAnswerFrame(decoding: LocalAnswerFrame(answers: parts).encoded()).answers
            #expect(read == parts && read.last?.id == 7)
            #expect(read.flatMap(Self.spans) == extents && Set(read.flatMap(Self.extents)) == Set(body == .recall(extents) ? [] : extents))
        }
    }

    private static func spans(_ answer: LocalAnswer) -> [LocalExtent] {
        switch answer.body {
        case .granted(let grant): grant.spans
        case .outcome(let outcome): outcome.refill.spans
        case .recall(let spans): spans
        default: []
        }
    }

    private static func extents(_ answer: LocalAnswer) -> [LocalExtent] {
        switch answer.body {
        case .granted(let grant): grant.extents
        case .outcome(let outcome): outcome.refill.extents
        default: []
        }
    }

    @Test("a backlog of any length goes in frames that the other side takes")
    func backlog() throws {
        var chance = WireChance(seed: 3)
        var link = LinkEndpoint<OwnerMessage>(limit: 1 << 18)
        let count = 2 * Limits.linkFrameMessages + 5
        for number in 0..<count { link.enqueue(number % 100 == 0 ? .sample(&chance) : .confirm(upTo: UInt64(number))) }
        var read = 0
        while let frame: OwnerFrame = link.takeFrame(term: 1, session: 1, maximumMessages: .max) {
            read += try OwnerFrame(decoding: frame.encoded()).messages.count
        }
        #expect(read == count)
    }

    @Test("a list of names is cut between names, and says how many more there are")
    func lists() {
        #expect(StatusAnswer.Figure("x", list: []).value == "none")
        #expect(StatusAnswer.Figure("x", list: ["a", "b"]).value == "a, b")
        let names = (0..<4000).map { "owner-\($0)" }
        let value = StatusAnswer.Figure("x", list: names).value
        #expect(value.utf8.count <= Limits.statusValueBytes && value.hasPrefix("owner-0, owner-1, "))
        let kept = value.split(separator: ", ").count
        #expect(value.hasSuffix("owner-\(kept - 1) and \(4000 - kept) more"))
        #expect("ab€d".limited(to: 5) == "ab…" && "abcd".limited(to: 4) == "abcd" && "ab".limited(to: 1) == "a")
    }
}
