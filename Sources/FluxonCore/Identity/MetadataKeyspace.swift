/// Where a cluster's metadata lives in etcd: `/fluxon/{cluster_name}/…`. Nothing is written there per value.
package struct MetadataKeyspace: Hashable, Sendable {
    /// Of all clusters.
    package static let root = "/fluxon/"
    private static let leaderSuffix = "/master/leader"

    package let prefix: String

    package init(clusterName: String) { prefix = "\(Self.root)\(clusterName)/" }

    /// The master's election, term and address; its value guards what the master writes (CONSISTENCY G1, G3).
    package var leader: String { prefix.dropLast() + Self.leaderSuffix }
    /// The terms that this etcd knows of (`TermHistory`). Not leased: it outlives every master.
    package var history: String { prefix + "master/history" }
    /// Every owner that may hold anything. Not leased: it must outlive a pause.
    package var roster: String { prefix + "roster/" }
    /// Every member that is connected now. Leased, for people and tools; no rule relies on it.
    package var presence: String { prefix + "presence/" }

    /// Masters that wait for the leadership. Leased, for people and tools; no rule relies on it.
    package var standbys: String { prefix + "standby/" }

    /// What people set at run time about owners' devices (`NetworkSettings`). Not leased: it outlives the owner and the master.
    package var network: String { prefix + "network/" }

    package func rosterEntry(of owner: InstanceKey) -> String { roster + owner.name }
    package func presence(of member: InstanceKey) -> String { presence + member.name }
    package func standby(of master: InstanceKey) -> String { standbys + master.name }
    package func networkSettings(of owner: InstanceKey) -> String { network + owner.name }

    /// The clusters whose leader's key is among `keys`.
    package static func clusters(leadIn keys: [String]) -> [String] {
        keys.filter { $0.hasPrefix(root) && $0.hasSuffix(leaderSuffix) }.map {
            String($0.dropFirst(root.count).dropLast(leaderSuffix.count))
        }
    }
}
