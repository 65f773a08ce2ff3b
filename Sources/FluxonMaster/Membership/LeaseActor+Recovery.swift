package import FluxonCore
internal import FluxonEtcd
package import FluxonRPC
internal import Logging

/// `fluxon recover`: an etcd that lost its history takes over that of the owners (decision 0040).
extension LeaseActor {
    /// Says what would be kept and, once that is confirmed, writes it and ends the term: the next one goes on from there.
    package func recover(_ request: RecoveryRequest, _ routing: RoutingActor) async throws(RPCError) -> RecoveryAnswer {
        guard let leadership else { throw RPCError(RoutingActor.notLeading, operation: "recover") }
        guard let plan = await routing.recovery() else { return RecoveryAnswer() }
        var answer = plan.answer
        guard request.isConfirmed else { return answer }
        guard plan.answer.missing <= request.lost else {
            throw RPCError(
                .failedPrecondition,
                "\(plan.answer.missing) owners that had a part in the last known state are not here, \(request.lost) are given up; start them "
                    + "again or wait for them, or give up what they hold with --lost \(plan.answer.missing)")
        }
        let isWritten: Bool
        do throws(EtcdError) { isWritten = try await recover(plan, leadership) } catch {
            throw RPCError(.unavailable, "the recovery is not recorded, or not surely: \(error); run it again")
        }
        guard isWritten else { throw RPCError(RoutingActor.notLeading, operation: "recover") }
        logger.notice(
            "history recovered", metadata: ["fluxon.owners": "\(answer.owners.count)", "fluxon.missing": "\(answer.missing)"])
        await routing.endTerm()
        answer.isDone = true
        return answer
    }
}
