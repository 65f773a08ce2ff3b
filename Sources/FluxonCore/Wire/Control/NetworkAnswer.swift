/// What one owner tells about its network: its devices, the paths to its peers, the settings in force.
package struct NetworkAnswer: Hashable, Sendable {
    /// One port of an RDMA device.
    package struct Device: Hashable, Sendable {
        package enum State: UInt64, Sendable, CaseIterable {
            /// Carries reads, or would.
            case active = 1
            /// The port has no link now.
            case down = 2
            /// The settings exclude it.
            case disabled = 3
            /// It cannot be used; `reason` says why and what to do.
            case unusable = 4

            package var name: String {
                switch self {
                case .active: "active"
                case .down: "down"
                case .disabled: "disabled"
                case .unusable: "unusable"
                }
            }
        }

        package var name: String
        package var port: UInt32
        package var state: State
        /// Why it is not active, with the fix; empty when there is nothing to say.
        package var reason = ""
        /// `Ethernet` or `InfiniBand`.
        package var linkLayer = ""
        package var gid = ""
        package var gidIndex: UInt32 = 0
        /// `RoCE v2`, `RoCE v1`, `IB`.
        package var gidType = ""
        /// `host:port` at which other owners reach it.
        package var address = ""
        /// In bytes.
        package var mtu: UInt32 = 0
        /// -1: not known.
        package var numaNode: Int64 = -1
        package var rateGigabits: UInt64 = 0
        package var bytesRead: UInt64 = 0
        package var bytesServed: UInt64 = 0
        package var reads: UInt64 = 0
        package var errors: UInt64 = 0
        package var connections: UInt64 = 0

        package init(name: String, port: UInt32, state: State) {
            self.name = name
            self.port = port
            self.state = state
        }
    }

    /// One way to a peer, or to all peers together.
    package struct Path: Hashable, Sendable {
        /// `tcp`, `rdma mlx5_0`, `relay via owner-3`.
        package var name: String
        package var reads: UInt64 = 0
        /// That arrived with the right checksums.
        package var bytes: UInt64 = 0
        package var errors: UInt64 = 0
        package var lastError = ""
        /// For how long yet other paths are tried before this one; 0: it is not set aside.
        package var asideMilliseconds: UInt64 = 0
        /// Read from this owner by the peer.
        package var bytesServed: UInt64 = 0

        package init(name: String) { self.name = name }
    }

    /// Another owner that this one has read from, or that has read from this one.
    package struct Peer: Hashable, Sendable {
        package var name: InstanceKey
        /// Over which the last read went; empty: none did.
        package var pathInUse = ""
        /// Reads that went on over another path.
        package var fallbacks: UInt64 = 0
        package var paths: [Path] = []

        package init(name: InstanceKey) { self.name = name }
    }

    package var devices: [Device] = []
    /// Those with the most bytes first, if they are too many.
    package var peers: [Peer] = []
    package var peersLeftOut: UInt64 = 0
    /// With those left out.
    package var peerCount: UInt64 { UInt64(peers.count) &+ peersLeftOut }
    /// Of all peers since this owner's start, also of those that have left.
    package var totals: [Path] = []
    package var fallbacks: UInt64 = 0
    package var settings = NetworkSettings.everyDevice
    /// Of etcd, as of which `settings` are in force; 0: etcd has not been read yet, and no device is used.
    package var settingsRevision: UInt64 = 0
    /// What keeps the recorded settings from being in force, with the fix; empty: nothing.
    package var problem = ""

    package init() {}
}
