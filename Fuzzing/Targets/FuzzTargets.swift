/// All targets by name: scripts/fuzz NAME drives one, the tests replay the corpora of all.
package enum FuzzTargets {
    package static let all: [String: @Sendable (UnsafeRawBufferPointer) -> Void] = [
        "rpc-session": { RPCSessionTarget.run($0) },
        "rpc-messages": { RPCMessagesTarget.run($0) },
    ]
}
