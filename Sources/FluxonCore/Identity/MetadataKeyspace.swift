/// Where a cluster's metadata lives in etcd: `/fluxon/{cluster_name}/…`. Nothing is written there per value.
package struct MetadataKeyspace: Hashable, Sendable {
    package let prefix: String

    package init(clusterName: String) { prefix = "/fluxon/\(clusterName)/" }

    /// The master's election and address. Its `create_revision` is the term (CONSISTENCY G3).
    package var leader: String { prefix + "master/leader" }
    /// Every owner that may hold anything. Not leased: it must outlive a pause.
    package var roster: String { prefix + "roster/" }
    /// Every member that is connected now. Leased, for people and tools; no rule relies on it.
    package var presence: String { prefix + "presence/" }

    package func rosterEntry(of owner: InstanceKey) -> String { roster + owner.name }
    package func presence(of member: InstanceKey) -> String { presence + member.name }
}
