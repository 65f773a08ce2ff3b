import FluxonCore

/// A report about owners' networks for a person: tables on standard output, what is wrong below them.
struct NetworkText {
    private let report: NetworkReport

    init(_ report: NetworkReport) { self.report = report }

    /// - Parameter paths: Also what went over which path to whom.
    func show(paths: Bool) {
        table(["OWNER", "ASKED", "IN FORCE"], settings) { "no owner has joined the cluster" }
        Terminal.line("")
        table(["OWNER", "DEVICE", "PORT", "STATE", "LINK", "RATE", "MTU", "NUMA", "GID", "ADDRESS", "CONNECTIONS"], devices) {
            "no owner has an RDMA device: values go over TCP"
        }
        if paths {
            Terminal.line("")
            table(["OWNER", "PEER", "PATH", "IN USE", "READS", "READ", "SERVED", "ERRORS", "FALLBACKS", "SET ASIDE"], self.paths) {
                "no owner has read from another yet"
            }
        }
        for note in notes(paths: paths) { Terminal.note(note) }
    }

    private func table(_ header: [String], _ rows: [[String]], otherwise: () -> String) {
        guard !rows.isEmpty else { return Terminal.line(otherwise()) }
        for line in Terminal.table(header: header, rows: rows) { Terminal.line(line) }
    }

    private var settings: [[String]] {
        report.owners.map { owner in
            let asked = owner.recorded?.explanation ?? "?"
            guard let answer = owner.answer else { return [owner.name.name, asked, "does not answer"] }
            return [owner.name.name, asked, answer.settings.explanation + (owner.isPending ? " (not yet what is asked)" : "")]
        }
    }

    private var devices: [[String]] {
        report.owners.flatMap { owner in (owner.answer?.devices ?? []).map { Self.row($0, of: owner.name) } }
    }

    private static func row(_ device: NetworkAnswer.Device, of owner: InstanceKey) -> [String] {
        let rate = device.rateGigabits == 0 ? "-" : "\(device.rateGigabits) Gb/s"
        let gid = device.gid.isEmpty ? "-" : "\(device.gid) (\(device.gidIndex), \(dash(device.gidType)))"
        return [
            owner.name, device.name, "\(device.port)", device.state.name, dash(device.linkLayer), rate,
            device.mtu == 0 ? "-" : "\(device.mtu)", device.numaNode < 0 ? "-" : "\(device.numaNode)", gid, dash(device.address),
            "\(device.connections)",
        ]
    }

    private var paths: [[String]] {
        report.owners.flatMap { owner in
            (owner.answer?.peers ?? []).flatMap { peer in peer.paths.map { Self.row($0, to: peer, of: owner.name) } }
        }
    }

    private static func row(_ path: NetworkAnswer.Path, to peer: NetworkAnswer.Peer, of owner: InstanceKey) -> [String] {
        let read = ByteSize.describe(Int(clamping: path.bytes))
        let served = ByteSize.describe(Int(clamping: path.bytesServed))
        return [
            owner.name, peer.name.name, path.name, path.name == peer.pathInUse ? "yes" : "-", "\(path.reads)", read, served,
            "\(path.errors)", "\(peer.fallbacks)", path.asideMilliseconds == 0 ? "-" : "\(path.asideMilliseconds) ms",
        ]
    }

    private func notes(paths: Bool) -> [String] {
        var notes = report.problem.isEmpty ? [] : [report.problem]
        for owner in report.owners {
            if !owner.problem.isEmpty { notes.append("\(owner.name): \(owner.problem)") }
            guard let answer = owner.answer else { continue }
            if !answer.problem.isEmpty { notes.append("\(owner.name): \(answer.problem)") }
            for device in answer.devices where !device.reason.isEmpty {
                notes.append("\(owner.name) \(device.name)/\(device.port): \(device.reason)")
            }
            guard paths else { continue }
            for peer in answer.peers {
                for path in peer.paths where !path.lastError.isEmpty {
                    notes.append("\(owner.name) from \(peer.name): last error over \(path.name): \(path.lastError)")
                }
            }
            if answer.peersLeftOut > 0 { notes.append("\(owner.name): \(answer.peersLeftOut) more peers with less traffic are not shown") }
        }
        return notes
    }

    private static func dash(_ text: String) -> String { text.isEmpty ? "-" : text }
}
