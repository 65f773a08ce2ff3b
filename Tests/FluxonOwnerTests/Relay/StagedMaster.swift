import FluxonCore
import FluxonMaster
import FluxonSystem

/// A master's rules between real owners on one loop, with its messages handed over as bytes and a roster that is written at once.
final class StagedMaster {
    private let loop: EventLoop
    private(set) var table: RoutingTable
    private var receivers: [ConnectionID: (MasterFrame) -> Void] = [:]
    private var isTurnDue = false

    init(loop: EventLoop) {
        self.loop = loop
        let timing = ProtocolTiming()
        table = RoutingTable(
            cluster: "c", authority: Authority(term: 1, electionSent: loop.now, timing: timing), electedAt: loop.now, timing: timing,
            roster: [])
    }

    /// A connection of an owner; `receive` gets what the master sends over it.
    ///
    /// - Returns: Takes what the owner sends.
    func connect(_ number: UInt64, receive: @escaping (MasterFrame) -> Void) -> (OwnerFrame) -> Void {
        let connection = ConnectionID(number)
        receivers[connection] = receive
        return { [weak self] frame in
            guard let self, let frame = try? OwnerFrame(decoding: frame.encoded()) else { return }
            table.received(frame, on: connection, now: loop.now)
            scheduleTurn()
        }
    }

    private func scheduleTurn() {
        guard !isTurnDue else { return }
        isTurnDue = true
        loop.inNextTick { [weak self] in self?.turn() }
    }

    private func turn() {
        isTurnDue = false
        table.authority.confirmed(sending: loop.now)
        table.workOff(now: loop.now)
        table.flush(now: loop.now)
        for effect in table.takeEffects() {
            switch effect {
            case .send(let connection, let frame):
                guard let frame = try? MasterFrame(decoding: frame.encoded()) else { continue }
                receivers[connection]?(frame)
            case .writeRoster(let owner, let entry), .replaceRoster(_, let owner, let entry):
                table.rosterWritten(owner, entry, now: loop.now)
                scheduleTurn()
            case .close, .note: break
            }
        }
    }
}
