import FluxonCore
import FluxonSeededRandom
import FluxonSystem
import FluxonWorkload
import Glibc

/// Disturbs connections: those over TCP in the proxies, those over Unix sockets at their ends.
extension Nemesis {
    func disturbLink(_ fault: Fault) {
        guard let proxy = take(cluster.proxies, name: \.name) else { return }
        let now = HistoryClock.now
        let duration = Duration.milliseconds(Int.random(in: 200...(fault == .stall ? 9000 : 3000), using: &random))
        if proxy.name.hasPrefix("links to master") {
            recorder.recordSilence(of: cluster.owners.map(\.name), from: now, to: now.advanced(by: duration))
        } else if proxy.name == "links to etcd" {
            recorder.recordBreak(from: now, to: now.advanced(by: duration))
        }
        var end = { proxy.set(.open) }
        switch fault {
        case .cut:
            count(fault, "cut \(proxy.name), refuse for \(duration)")
            proxy.set(.refusing)
            proxy.cut()
        case .halfClose:
            count(fault, "half-close \(proxy.name)")
            proxy.halfClose()
        case .delay:
            let milliseconds = UInt32.random(in: 5...300, using: &random)
            count(fault, "delay \(proxy.name) by \(milliseconds) ms for \(duration)")
            proxy.set(.delaying(milliseconds: milliseconds))
        case .lose:
            let percent = Int.random(in: 2...40, using: &random)
            count(fault, "lose \(percent) % of the packets of \(proxy.name) for \(duration)")
            network.lose(percent: percent, host: proxy.host, port: proxy.port)
            end = { [self] in network.loseNothing(port: proxy.port) }
        default:
            let way = FaultProxy.Way.allCases.randomElement(using: &random) ?? .both
            count(.stall, "stall \(proxy.name), \(way.rawValue), for \(duration)")
            proxy.set(.stalled(way))
        }
        release(proxy.name, after: duration, end)
    }

    /// Cuts or half-closes what a client or a sidecar has open, mostly to its owner on the same machine.
    func shutDownConnections() {
        let targets = clients.map { (name: $0.name, process: $0.process) } + cluster.externals.map { (name: $0.name, process: $0) }
        guard let (target, process) = take(targets, name: \.name) else { return }
        let (direction, name) =
            [(CInt(SHUT_RDWR), "cut"), (CInt(SHUT_WR), "half-close"), (CInt(SHUT_RD), "stop reading from")]
            .randomElement(using: &random) ?? (CInt(SHUT_RDWR), "cut")
        let number = process.shutDownConnections(direction)
        if number > 0 { count(.shutDown, "\(name) the \(number) connections of \(target)") }
        release(target, after: .seconds(1)) {}
    }
}
