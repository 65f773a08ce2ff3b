import CVerbs
package import FluxonSystem

/// Near which of the machine's nodes an owner lives: what its devices read and write crosses no link between processors then.
///
///     configured ─▶ that node         one node only, no device, or none that says where it is ─▶ anywhere
///     the devices in order of preference ─▶ the node of the first that says where it is
package enum DevicePlacement {
    /// - Parameters:
    ///   - devices: Those that the owner uses, best first; nil: all, by name.
    ///   - configured: `network.numa_node`.
    package static func node(for devices: [String]?, configured: Int?) -> NUMANode? {
        choose(devices: devices, found: found(), configured: configured, nodeCount: NUMANode.count)
    }

    static func choose(devices: [String]?, found: [String: Int], configured: Int?, nodeCount: Int) -> NUMANode? {
        if let configured { return NUMANode(configured) }
        guard nodeCount > 1 else { return nil }
        let names = devices ?? found.keys.sorted()
        return names.lazy.compactMap { found[$0] }.first { (0..<nodeCount).contains($0) }.map { NUMANode($0) }
    }

    /// The node of each RDMA device of this machine that says where it is. Opens no device.
    private static func found() -> [String: Int] {
        var entries = [cfluxon_rdma_place](repeating: cfluxon_rdma_place(), count: 64)
        let count = cfluxon_rdma_places(&entries, CInt(entries.count))
        var nodes: [String: Int] = [:]
        for var entry in entries.prefix(max(Int(count), 0)) where entry.numa_node >= 0 {
            let name = withUnsafeBytes(of: &entry.name) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
            nodes[name] = Int(entry.numa_node)
        }
        return nodes
    }
}
