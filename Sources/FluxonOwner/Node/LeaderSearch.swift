internal import FluxonCore
internal import FluxonEtcd

/// Why an owner has no master, asked of etcd beside the mirror of the leader key, which waits for good and says nothing.
struct LeaderSearch: Sendable {
    enum Finding: Hashable, Sendable {
        /// A master leads; what hinders the link to it, the link says itself.
        case leads
        /// A master has let this owner join and says nothing more.
        case unanswered
        /// No endpoint answers; what was tried.
        case unreachable(String)
        /// etcd answers, and not with what was asked; in its words.
        case unserved(String)
        /// This etcd knows no master of this cluster, but perhaps some of others: a misspelt `cluster_name`.
        case noMaster(otherClusters: [String])
    }

    /// Until the first look, between two, and for each: a start in the usual order is over by then.
    static let patience = Duration.seconds(2)
    /// Between two lines of the log about the same finding.
    static let pause = Duration.seconds(30)

    let etcd: EtcdClient
    let clusterName: String

    /// Never fails: it only words what is wrong. What ends an owner is decided where the leader's key is followed.
    func look() async -> Finding {
        let leader = MetadataKeyspace(clusterName: clusterName).leader
        do throws(EtcdError) {
            guard try await etcd.get(leader, timeout: Self.patience) == nil else { return .leads }
        } catch .unreachable(let method, let endpoints, let timeout, let failure) {
            return .unreachable("\(EtcdError.unreachable(method: method, endpoints: endpoints, timeout: timeout, lastFailure: failure))")
        } catch {
            return .unserved("\(error)")
        }
        // Only for the hint: the owner's role in etcd may well not cover other clusters.
        var all = EtcdRange(.prefix(MetadataKeyspace.root))
        all.keysOnly = true
        all.limit = 1000
        let keys = (try? await etcd.range(all, timeout: Self.patience))?.keyValues.map(\.keyText) ?? []
        return .noMaster(otherClusters: MetadataKeyspace.clusters(leadIn: keys))
    }
}

extension LeaderSearch.Finding {
    /// For the log: what is missing, and what to do about it; nil: nothing is.
    func advice(clusterName: String) -> (problem: String, remedy: String)? {
        switch self {
        case .leads: nil
        case .unanswered:
            (
                "a master leads, and has not taken this owner yet",
                "see the master's log: it may wait for etcd, or for the end of an earlier life of this owner"
            )
        case .unserved(let failure): (failure, "see etcd's own log, and the etcd section of this configuration")
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
