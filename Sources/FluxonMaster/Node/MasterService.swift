package import FluxonCore
package import FluxonRPC
internal import FluxonSystem

/// The master's methods (proto/fluxon/v1/control.proto) on the routing actor.
package struct MasterService {
    private let routing: RoutingActor
    private let lease: LeaseActor
    private let instanceKey: InstanceKey

    package init(routing: RoutingActor, lease: LeaseActor, instanceKey: InstanceKey) {
        self.routing = routing
        self.lease = lease
        self.instanceKey = instanceKey
    }

    package func register(on server: RPCServer) {
        let routing = routing
        for path in [MethodPath.masterLink, MethodPath.masterPresence] {
            server.handle(path) { stream in
                let carried = OnLoop(stream)
                routing.assumeIsolated { $0.accept(carried.value) }
            }
        }
        server.handle(MethodPath.masterDirectory) { stream in
            let carried = OnLoop(stream)
            routing.assumeIsolated { $0.watchDirectory(carried.value) }
        }
        server.unaryNow(MethodPath.controlMembers) { bytes, _ throws(RPCError) in
            let request: MembersRequest
            do throws(ProtobufError) { request = try MembersRequest(decoding: bytes) } catch {
                throw RPCError(.invalidArgument, "the question for members makes no sense: \(error)")
            }
            return routing.assumeIsolated { $0.members(request) }.encoded()
        }
        server.unaryNow(MethodPath.controlKeys) { bytes, _ throws(RPCError) in
            let request: KeysRequest
            do throws(ProtobufError) { request = try KeysRequest(decoding: bytes) } catch {
                throw RPCError(.invalidArgument, "the request for keys makes no sense: \(error)")
            }
            guard let answer = routing.assumeIsolated({ $0.keys(request) }) else {
                throw RPCError(.unavailable, RoutingActor.notLeading.message)
            }
            return answer.encoded()
        }
        let lease = lease
        server.unary(MethodPath.controlNetwork) { _, _ in try await lease.recordedNetworks().encoded() }
        server.unary(MethodPath.controlNetworkChange) { bytes, _ in
            let change: NetworkChange
            do throws(ProtobufError) { change = try NetworkChange(decoding: bytes) } catch {
                throw RPCError(.invalidArgument, "the change of an owner's network makes no sense: \(error)")
            }
            return try await lease.change(change).encoded()
        }
        server.unary(MethodPath.controlRecover) { bytes, _ in
            let request: RecoveryRequest
            do throws(ProtobufError) { request = try RecoveryRequest(decoding: bytes) } catch {
                throw RPCError(.invalidArgument, "the request to recover makes no sense: \(error)")
            }
            return try await lease.recover(request, routing).encoded()
        }
        let title = "master \(instanceKey)"
        server.unaryNow(MethodPath.controlStatus) { _, _ in
            StatusAnswer(sections: [routing.assumeIsolated { $0.status(title: title) }]).encoded()
        }
    }
}

extension RoutingActor {
    /// A figure of a status has its limit.
    private static let namedStrangers = 12

    func status(title: String) -> StatusAnswer.Section {
        let state =
            term == 0
            ? "standing by"
            : isHistoryLost ? "waiting for `fluxon recover`" : lapsed != nil ? "paused" : isOpen ? "leading" : "collecting inventories"
        let strangers = strangerNames
        let problem =
            switch state {
            case "paused":
                "no transaction in etcd has confirmed for \(lapsed?.components.seconds ?? 0) s that it leads: it grants and completes nothing; "
                    + "see whether etcd answers"
            case "collecting inventories": "puts wait until every owner has reported what it holds; see `fluxon members`"
            case "waiting for `fluxon recover`": "etcd does not know what an owner has seen: it was wiped or restored; run `fluxon recover`"
            default: "none"
            }
        let reachability = reachabilityCounts
        return StatusAnswer.Section(
            title: title,
            figures: [
                .init("cluster", cluster), .init("state", state), .init(StatusAnswer.problemName, problem), .init("term", "\(term)"),
                .init("opening_ms", opening.map { "\($0.clampedNanoseconds / 1_000_000)" } ?? "none"), .init("keys", "\(keyCount)"),
                .init("members", "\(directory.count)"), .init("frames_received", "\(counters.framesReceived)"),
                .init("messages_received", "\(counters.messagesReceived)"), .init("frames_sent", "\(counters.framesSent)"),
                .init("removals", "\(counters.removals)"), .init("unreachable_pairs", "\(reachability.unreachable)"),
                .init("relayed_pairs", "\(reachability.relayed)"),
                .init("unknown_history", strangers.isEmpty ? "none" : strangers.prefix(Self.namedStrangers).joined(separator: ", ")),
            ])
    }
}
