/// A report about owners' networks as metrics.
package enum NetworkMetrics {
    private typealias Family = PrometheusText.Family

    private static let up = Family("fluxon_owner_up", .gauge, "Whether the owner answered.")
    private static let pending = Family(
        "fluxon_network_settings_pending", .gauge, "Whether recorded device settings are not in force yet.")
    private static let peers = Family("fluxon_network_peers", .gauge, "Owners that this one has read from or that have read from it.")
    private static let fallbacks = Family(
        "fluxon_transfer_fallbacks_total", .counter, "Reads that went on over another path than they were on.")
    private static let reads = Family("fluxon_transfer_reads_total", .counter, "Reads from other owners that brought every byte.")
    private static let bytes = Family("fluxon_transfer_bytes_total", .counter, "Bytes read from other owners.")
    private static let errors = Family("fluxon_transfer_errors_total", .counter, "Reads that a path broke under.")
    private static let served = Family("fluxon_transfer_served_bytes_total", .counter, "Bytes that other owners have read from this one.")
    private static let state = Family("fluxon_device_state", .gauge, "1 for the state that the port of the device is in.")
    private static let rate = Family("fluxon_device_rate_bytes_per_second", .gauge, "Rate of the port's link.")
    private static let connections = Family("fluxon_device_connections", .gauge, "Connections to other owners over the device.")
    private static let deviceReads = Family("fluxon_device_reads_total", .counter, "Reads over the device.")
    private static let deviceBytes = Family("fluxon_device_read_bytes_total", .counter, "Bytes read over the device.")
    private static let deviceServed = Family("fluxon_device_served_bytes_total", .counter, "Bytes served over the device.")
    private static let deviceErrors = Family("fluxon_device_errors_total", .counter, "Errors of reads over the device.")

    package static func add(_ report: NetworkReport, to text: inout PrometheusText) {
        for owner in report.owners {
            let instance = [(name: "instance", value: owner.name.name)]
            text.add(up, instance, owner.answer == nil ? 0 : 1)
            guard let answer = owner.answer else { continue }
            text.add(pending, instance, owner.isPending ? 1 : 0)
            text.add(peers, instance, answer.peerCount)
            text.add(fallbacks, instance, answer.fallbacks)
            for path in answer.totals {
                let labels = instance + [(name: "path", value: path.name)]
                text.add(reads, labels, path.reads)
                text.add(bytes, labels, path.bytes)
                text.add(errors, labels, path.errors)
                text.add(served, labels, path.bytesServed)
            }
            for device in answer.devices { add(device, instance, to: &text) }
        }
    }

    private static func add(_ device: NetworkAnswer.Device, _ instance: [(name: String, value: String)], to text: inout PrometheusText) {
        let labels = instance + [(name: "device", value: device.name), (name: "port", value: "\(device.port)")]
        for one in NetworkAnswer.Device.State.allCases {
            text.add(state, labels + [(name: "state", value: one.name)], device.state == one ? 1 : 0)
        }
        text.add(rate, labels, device.rateGigabits &* 125_000_000)
        text.add(connections, labels, device.connections)
        text.add(deviceReads, labels, device.reads)
        text.add(deviceBytes, labels, device.bytesRead)
        text.add(deviceServed, labels, device.bytesServed)
        text.add(deviceErrors, labels, device.errors)
    }
}
