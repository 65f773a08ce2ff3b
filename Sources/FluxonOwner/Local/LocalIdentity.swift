package import FluxonCore

/// What an owner tells the processes that attach.
package struct LocalIdentity: Hashable, Sendable {
    package let clusterName: String
    package let owner: InstanceKey
    /// This life of the owner: a session and its tokens end with it (CONSISTENCY T1). 0: no master has taken it yet.
    package var generation: Generation

    package init(clusterName: String, owner: InstanceKey, generation: Generation) {
        self.clusterName = clusterName
        self.owner = owner
        self.generation = generation
    }

    /// Why a process may not attach, if so.
    package func refusal(of request: AttachRequest) -> FluxonError? {
        guard ProtocolVersion.isSpoken(Int(request.version)) else {
            let text = "the owner \(owner) speaks protocol version \(ProtocolVersion.current), this process \(request.version)"
            return FluxonError(.versionMismatch, text + "; versions may differ by one: update the older of the two")
        }
        guard request.clusterName.isEmpty || request.clusterName == clusterName else {
            let text = "the owner \(owner) belongs to the cluster '\(clusterName)', this process asks for '\(request.clusterName)'"
            return FluxonError(.clusterMismatch, text + "; attach to an owner of that cluster, or correct cluster_name")
        }
        return nil
    }
}
