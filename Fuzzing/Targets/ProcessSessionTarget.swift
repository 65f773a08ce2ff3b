import FluxonCore
import FluxonOwner
import FluxonPool

/// An owner against whatever an attached process sends, of its own extents and of others, over one stream after the other, while the
/// cluster answers at once or late: nothing traps, and everything comes back at the process's death.
enum ProcessSessionTarget {
    static func run(_ input: UnsafeRawBufferPointer) { ProbeLoop.run(input) { converse(&$0) } }

    private static func converse(_ script: inout ByteScript) {
        let kind = script.below(4)
        do {
            let probe = try ProcessSessionProbe(loop: ProbeLoop.loop, capacityBytes: 1 << 20, maps: kind != 3, mayWrite: kind < 2)
            probe.connect()
            for _ in 0..<200 where !script.isOver { step(probe, &script) }
            if let rest = probe.end() { fatalError(rest) }
        } catch {
            fatalError("an owner and its process: \(error)")
        }
    }

    private static func step(_ probe: ProcessSessionProbe, _ script: inout ByteScript) {
        switch script.below(16) {
        case 0: probe.connect()
        case 1: probe.backend.isHeld.toggle()
        case 2: probe.receive(script.block())
        default:
            let received = (0..<script.below(3)).map { _ in script.number() }
            let requests = (0...script.below(3)).map { _ in request(probe, &script) }
            probe.receive(LocalRequestFrame(received: received, requests: requests).encoded())
        }
    }

    private static func request(_ probe: ProcessSessionProbe, _ script: inout ByteScript) -> LocalRequest {
        LocalRequest(id: script.number(), timeoutMicroseconds: script.number(), body: body(probe, &script))
    }

    private static func body(_ probe: ProcessSessionProbe, _ script: inout ByteScript) -> LocalRequest.Body {
        switch script.below(14) {
        case 0, 1: return .reserve(byteCount: script.size(), count: script.number())
        case 2, 3, 4:
            return .commit(
                .init(
                    counter: script.number(), key: key(&script), extent: extent(probe, &script), length: script.size(),
                    condition: condition(&script)))
        case 5: return .remove(.init(counter: script.number(), key: key(&script), condition: condition(&script)))
        case 6, 7: return .get(.init(key: key(&script), isLocal: script.chance(), isCopied: script.chance()))
        case 8: return .inspect(key: key(&script))
        case 9: return .confirm(pinned: script.chance(), pinWords: script.number())
        case 10: return script.chance() ? .cancel : script.below(64) == 63 ? .leave : .cancel
        case 11: return .giveBack((0..<script.below(4)).map { _ in extent(probe, &script) })
        case 12: return .unmapped((0..<script.below(4)).map { _ in extent(probe, &script) })
        default:
            let bytes = [UInt8](repeating: 7, count: script.below(200))
            return .upload(
                .init(
                    counter: script.number(), key: key(&script), length: script.size(), offset: script.number(), bytes: bytes,
                    condition: condition(&script)))
        }
    }

    /// One that was granted, as a rule.
    private static func extent(_ probe: ProcessSessionProbe, _ script: inout ByteScript) -> LocalExtent {
        let granted = probe.grantedExtents
        if !granted.isEmpty, script.byte() < 200 {
            let extent = granted[script.below(granted.count)]
            return LocalExtent(offset: extent.offset, capacity: extent.capacity)
        }
        return LocalExtent(offset: script.size(), capacity: script.size())
    }

    private static func key(_ script: inout ByteScript) -> [UInt8] {
        let choice = script.byte()
        return choice < 250 ? [choice & 3 | 0x40] : [UInt8](repeating: choice, count: choice == 255 ? 2000 : 100)
    }

    private static func condition(_ script: inout ByteScript) -> CommitCondition {
        let conditions: [CommitCondition] = [.none, .absent, .present, .version(Version(term: 1, sequence: script.number()))]
        return conditions[script.below(4)]
    }
}
