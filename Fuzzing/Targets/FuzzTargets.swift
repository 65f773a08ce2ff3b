/// All targets by name: scripts/fuzz NAME drives one, the tests replay the corpora of all.
package enum FuzzTargets {
    package static let all: [String: @Sendable (UnsafeRawBufferPointer) -> Void] = [
        "rpc-session": { RPCSessionTarget.run($0) },
        "rpc-messages": { RPCMessagesTarget.run($0) },
        "link-frames": { LinkFramesTarget.run($0) },
        "local-messages": { LocalMessagesTarget.run($0) },
        "control-messages": { ControlMessagesTarget.run($0) },
        "attach-handshake": { AttachHandshakeTarget.run($0) },
        "transfer-frames": { TransferFramesTarget.run($0) },
        "configuration": { ConfigurationTarget.run($0) },
        "shared-json": { SharedJSONTarget.run($0) },
        "json": { JSONTarget.run($0) },
        "pool-file": { PoolFileTarget.run($0) },
        "routing-table": { RoutingTableTarget.run($0) },
        "replica-table": { ReplicaTableTarget.run($0) },
        "process-session": { ProcessSessionTarget.run($0) },
        "owner-link": { OwnerLinkTarget.run($0) },
        "fencing-attestation": { FencingAttestationTarget.run($0) },
        "tls-records": { TLSRecordsTarget.run($0) },
        "metadata-service": { MetadataServiceTarget.run($0) },
        "etcd-answers": { EtcdAnswersTarget.run($0) },
    ]
}
