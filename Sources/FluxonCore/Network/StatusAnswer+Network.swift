extension StatusAnswer.Section {
    /// An owner's network as `fluxon status` shows it; `fluxon members --network` shows every peer.
    package init(network answer: NetworkAnswer, of owner: InstanceKey) {
        let devices = answer.devices.map { "\($0.name)/\($0.port) \($0.state.name)" }.joined(separator: ", ")
        self.init(
            title: "network of \(owner)",
            figures: [
                .init("devices", devices.isEmpty ? "none: values go over TCP" : devices),
                .init("settings", answer.settings.explanation), .init("peers", "\(answer.peerCount)"),
                .init("fallbacks", "\(answer.fallbacks)"),
            ])
        if !answer.problem.isEmpty { figures.append(.init("problem", answer.problem)) }
        for path in answer.totals {
            figures += [
                .init("\(path.name)_reads", "\(path.reads)"), .init("\(path.name)_bytes", "\(path.bytes)"),
                .init("\(path.name)_errors", "\(path.errors)"), .init("\(path.name)_bytes_served", "\(path.bytesServed)"),
            ]
        }
    }
}
