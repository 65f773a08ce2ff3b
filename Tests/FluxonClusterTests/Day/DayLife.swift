import FluxonCore
import FluxonSystem
import FluxonWorkload
import Glibc

/// The people of a day: long processes, short ones one after the other, and shells, all at work on the same cluster, and what they saw.
final class DayLife {
    let recorder = HistoryRecorder()
    let clients: [ClientSlot]
    private let commuters: [CommuterLane]
    private let shells: [ShellLane]

    /// Of short processes at a time, at owners and at their externals.
    private static let lanes = 8

    /// - Parameter round: Numbers of a day's earlier lives are not used again.
    init(cluster: TestCluster, seed: UInt64, round: Int) {
        let recorder = recorder
        let first = round * 32
        clients = (0..<4).map { index in
            let owner = index / 2
            return ClientSlot(
                index: first + index, path: index % 2 == 0 ? cluster.sharedDescription(owner) : cluster.externalSocket(owner),
                owner: cluster.owners[owner].name, folder: cluster.folder, environment: [:], seed: seed, recorder: recorder)
        }
        commuters = (0..<Self.lanes).map { index in
            let owner = index % 2
            return CommuterLane(
                index: first + 8 + index, path: index < 2 ? cluster.externalSocket(owner) : cluster.ownerSocket(owner),
                owner: cluster.owners[owner].name, folder: cluster.folder, seed: seed, recorder: recorder)
        }
        shells = (0..<2).map { index in
            ShellLane(
                name: "shell-\(round)-\(index)", path: index == 0 ? cluster.sharedDescription(0) : cluster.externalSocket(1),
                folder: cluster.folder,
                seed: seed &+ UInt64(index), recorder: recorder)
        }
    }

    /// How many short processes have come and gone.
    var shortProcesses: Int { commuters.reduce(0) { $0 + $1.finished } + shells.reduce(0) { $0 + $1.finished } }

    func begin() throws {
        for client in clients { try client.start() }
        for lane in commuters { try lane.begin() }
    }

    /// Lets everybody do the next thing; never waits.
    func pump() {
        for client in clients { client.collect() }
        for lane in commuters { lane.collect() }
        for shell in shells { shell.pump() }
    }

    /// Everybody goes home: calls under way end.
    func end() {
        for lane in commuters { lane.end() }
        for shell in shells { shell.end() }
        for client in clients { client.stop() }
    }

    /// Clients that this owner serves are stopped with their machine, or go on.
    func signal(_ number: CInt, clientsOf owner: Int) {
        for client in clients[(owner * 2)..<(owner * 2 + 2)] { client.process.signal(number) }
    }

    func recordStop(clientsOf owner: Int, from start: BootInstant) {
        for client in clients[(owner * 2)..<(owner * 2 + 2)] { recorder.recordStop(of: client.source, from: start, to: HistoryClock.now) }
    }

    /// Whether each long process has had an answer since `start` and no failure for two seconds.
    func isServed(since start: BootInstant) -> Bool { recorder.areServed(clients.map(\.source), since: start) }
}
