import Fluxon
import FluxonCore
import FluxonPool

/// A store's connection against whatever its owner says, over one connection after the other, in one life of the owner or several: nothing
/// traps, every call ends once, and what was granted can be written.
enum OwnerLinkTarget {
    static func run(_ input: UnsafeRawBufferPointer) { ProbeLoop.run(input) { converse(&$0) } }

    private static func converse(_ script: inout ByteScript) {
        let kind = script.below(4)
        do {
            let probe = try OwnerLinkProbe(loop: ProbeLoop.loop, capacityBytes: 1 << 20, maps: kind != 3, mayWrite: kind < 2)
            let entries = try publish(probe.pool)
            try probe.attach(resumes: false)
            for _ in 0..<200 where !script.isOver { step(probe, entries, &script) }
            if let problem = probe.end() { fatalError(problem) }
        } catch {
            fatalError("a store and its owner: \(error)")
        }
    }

    /// Values that the owner can hand over.
    private static func publish(_ pool: Pool) throws -> [Copy] {
        try (0..<4).map { number in
            let extent = try pool.allocate(100 * (number + 1), tenant: .owner)
            let key = try Key([0x40 | UInt8(number)])
            let version = Version(term: 1, sequence: UInt64(number) + 1)
            let length = UInt64(100 * (number + 1))
            let entry = try pool.publish(key, extent: extent, length: length, version: version)
            return Copy(entry: entry, extent: extent, length: length, version: version, flags: 0)
        }
    }

    private static func step(_ probe: OwnerLinkProbe, _ entries: [Copy], _ script: inout ByteScript) {
        switch script.below(16) {
        // A pool that puts wrote over, where they were told to, may be none any more.
        case 0: try? probe.attach(resumes: script.chance())
        case 1: probe.receive(script.block())
        case 2: probe.cancel(script.below(32))
        case 3: probe.dropValues()
        case 4, 5, 6, 7: call(probe, &script)
        default:
            let answers = (0...script.below(3)).map { _ in answer(probe, entries, &script) }
            probe.receive(LocalAnswerFrame(answers: answers).encoded())
        }
    }

    private static func call(_ probe: OwnerLinkProbe, _ script: inout ByteScript) {
        let key = [script.byte() & 3 | 0x40]
        switch script.below(5) {
        // The size comes from a caller: at most what a process may ask for.
        case 0: probe.reserve(min(script.size(), UInt64(Int.max)), count: script.number())
        case 1: probe.put(key, Int(script.byte()) * 64)
        case 2: probe.get(key, isLocal: script.chance())
        case 3: probe.inspect(key)
        default: probe.remove(key)
        }
    }

    private static func answer(_ probe: OwnerLinkProbe, _ entries: [Copy], _ script: inout ByteScript) -> LocalAnswer {
        // The last calls are the ones that wait, as a rule.
        let choice = script.byte()
        let id = choice < 240 ? probe.number(of: probe.callCount - 1 - Int(choice) % 4) : script.number()
        return LocalAnswer(id: id, body: body(probe, entries, &script))
    }

    private static func body(_ probe: OwnerLinkProbe, _ entries: [Copy], _ script: inout ByteScript) -> LocalAnswer.Body {
        switch script.below(14) {
        case 0, 1, 2: return .granted(grant(probe, &script))
        case 3, 4: return .outcome(.init(counter: script.number(), result: result(&script), refill: grant(probe, &script)))
        case 5, 6: return .handover(handover(entries, &script))
        case 7, 8:
            let bytes = script.block()
            let length = script.chance() ? UInt64(bytes.count) : script.size()
            return .part(.init(version: version(&script), length: length, offset: script.number(), bytes: bytes))
        case 9: return .absent
        case 10: return .described(length: script.size(), version: version(&script))
        case 11: return .failed(code: UInt16(script.byte()), message: "no")
        case 12: return .recall((0..<script.below(4)).map { _ in extent(&script) })
        default: return .pinWords(script.number())
        }
    }

    /// One in earnest, or any.
    private static func grant(_ probe: OwnerLinkProbe, _ script: inout ByteScript) -> LocalAnswer.Grant {
        switch script.below(4) {
        case 0: .init()
        case 1, 2: probe.grant(Int(script.byte()) * 64) ?? .init()
        default:
            .init(
                extents: (0..<script.below(4)).map { _ in extent(&script) }, spans: (0..<script.below(4)).map { _ in extent(&script) })
        }
    }

    private static func handover(_ entries: [Copy], _ script: inout ByteScript) -> LocalAnswer.Handover {
        let copy = entries[script.below(entries.count)]
        var handover = LocalAnswer.Handover(
            entry: UInt64(copy.entry.index), entryGeneration: copy.entry.generation, epoch: 1,
            extent: LocalExtent(offset: copy.extent.offset, capacity: copy.extent.capacity), length: copy.length, version: copy.version)
        switch script.below(8) {
        case 0: handover.entry = script.number()
        case 1: handover.entryGeneration = script.number()
        case 2: handover.epoch = script.number()
        default: break
        }
        return handover
    }

    private static func result(_ script: inout ByteScript) -> LocalAnswer.Outcome.Result {
        switch script.below(3) {
        case 0: .committed(version(&script))
        case 1: .conditionFailed(script.chance() ? version(&script) : nil)
        default: .failed(code: UInt16(script.byte()), message: "no")
        }
    }

    private static func version(_ script: inout ByteScript) -> Version { Version(term: 1, sequence: script.number()) }

    private static func extent(_ script: inout ByteScript) -> LocalExtent { LocalExtent(offset: script.size(), capacity: script.size()) }
}
