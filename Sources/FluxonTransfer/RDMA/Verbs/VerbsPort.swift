import CVerbs

/// One port of an RDMA device of this machine, as the kernel describes it now.
struct VerbsPort: Sendable, Hashable {
    var name: String
    var port: UInt32
    var isActive: Bool
    var isEthernet: Bool
    var isIWARP: Bool
    /// Bytes of payload in a packet.
    var mtuBytes: Int
    var rateMegabits: Int
    /// Most bytes of one read.
    var largestMessage: Int
    /// Most bytes that are registered at once.
    var largestRegion: UInt64
    /// Reads that a queue pair may have on their way: as the one who reads, and as the one who is read from.
    var readsAsAsker: Int
    var readsAsSource: Int
    /// Most work requests of one queue.
    var workRequests: Int
    /// Whether memory can be registered without pinning its pages.
    var hasPagesOnDemand: Bool
    /// Nil where the device is near no node in particular.
    var numaNode: Int?
    /// In the order of the port's table.
    var gids: [GID]
}

extension VerbsPort {
    init(_ raw: cfluxon_rdma_port, port: UInt32, gids: [GID]) {
        var name = raw.name
        self.init(
            name: withUnsafeBytes(of: &name) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) },
            port: port, isActive: raw.is_active != 0, isEthernet: raw.is_ethernet != 0, isIWARP: raw.is_iwarp != 0,
            mtuBytes: Int(raw.mtu_bytes), rateMegabits: Int(raw.rate_megabits), largestMessage: Int(raw.largest_message),
            largestRegion: raw.largest_region,
            readsAsAsker: Int(raw.reads_as_asker), readsAsSource: Int(raw.reads_as_source), workRequests: Int(raw.work_requests),
            hasPagesOnDemand: raw.pages_on_demand != 0, numaNode: raw.numa_node < 0 ? nil : Int(raw.numa_node), gids: gids)
    }
}
