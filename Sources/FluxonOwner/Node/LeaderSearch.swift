internal import FluxonCore
internal import FluxonEtcd

/// Why an owner has no master, asked of etcd beside the mirror of the leader key, which waits for good and says nothing.
struct LeaderSearch: Sendable {
    enum Finding: Hashable, Sendable {
        /// A master leads; what hinders the link to it, the link says itself.
        case leads
        /// No endpoint answers; what was tried.
        case unreachable(String)
        /// This etcd knows no master of this cluster, but perhaps some of others: a misspelt `cluster_name`.
        case noMaster(otherClusters: [String])
    }

    /// Until the first look, between two, and for each: a start in the usual order is over by then.
    static let patience = Duration.seconds(2)
    /// Between two lines of the log about the same finding.
    static let pause = Duration.seconds(30)

    let etcd: EtcdClient
    let clusterName: String

    /// - Throws: what will not pass by waiting (a refusal, say), and cancellation: the mirror ends with them too.
    func look() async throws(EtcdError) -> Finding {
        do {
            let leader = MetadataKeyspace(clusterName: clusterName).leader
            guard try await etcd.get(leader, timeout: Self.patience) == nil else { return .leads }
            var all = EtcdRange(.prefix(MetadataKeyspace.root))
            all.keysOnly = true
            all.limit = 1000
            let keys = try await etcd.range(all, timeout: Self.patience).keyValues.map(\.keyText)
            return .noMaster(otherClusters: MetadataKeyspace.clusters(leadIn: keys))
        } catch {
            guard case .unreachable = error else { throw error }
            return .unreachable("\(error)")
        }
    }
}

extension LeaderSearch.Finding {
    /// For the log: what is missing, and what to do about it; nil: nothing is.
    func advice(clusterName: String) -> (problem: String, remedy: String)? {
        switch self {
        case .leads: nil
        case .unreachable(let failure):
            (failure, "start etcd, or the master that has embedded_metadata, or correct etcd_endpoints")
        case .noMaster(let others):
            (
                "no master leads the cluster '\(clusterName)' in this etcd"
                    + (others.isEmpty ? "" : ", only " + others.map { "'\($0)'" }.joined(separator: ", ")),
                "start fluxon-master, or make cluster_name and etcd_endpoints equal to its own"
            )
        }
    }
}
