package import FluxonCore
internal import FluxonEtcd
package import FluxonRPC
internal import Logging

/// What people set about owners' devices: written to etcd under the leader's guard (CONSISTENCY G3), read there by each owner itself.
extension LeaseActor {
    /// Attempts that meet a change by somebody else, or an etcd that does not answer, before the caller is told to try again.
    private static let changeAttempts = 4

    /// Records one change. Of two at a time the later one is applied to what the earlier one has written.
    ///
    /// - Throws: `.unavailable` when this master does not lead or etcd does not answer, `.notFound` for an owner that is not in the
    ///   roster, `.failedPrecondition` for settings beyond their limits.
    package func change(_ change: NetworkChange) async throws(RPCError) -> NetworkChangeAnswer {
        guard let leadership else { throw Self.notLeading }
        guard rosterOwners.contains(change.owner) else {
            throw RPCError(.notFound, "\(NetworkChangeError.unknownOwner(change.owner.name, known: rosterOwners.map(\.name)))")
        }
        // An attempt of unknown outcome may be what the next one finds done.
        var mayHaveWritten = false
        var failure = "other changes of \(change.owner)'s settings came first, \(Self.changeAttempts) times; try again"
        for _ in 0..<Self.changeAttempts {
            let attempt: Attempt
            do throws(EtcdError) { attempt = try await self.attempt(change, leadership) } catch {
                mayHaveWritten = mayHaveWritten || error.mayHaveTakenEffect
                failure = "the change is not recorded, or not surely: \(error)"
                if Task.isCancelled { break }
                continue
            }
            switch attempt {
            case .recorded(var answer):
                answer.isChanged = answer.isChanged || mayHaveWritten
                return answer
            case .overtaken: continue
            case .over: throw Self.notLeading
            case .refused(let error): throw RPCError(.failedPrecondition, "\(error)")
            }
        }
        throw RPCError(.unavailable, failure)
    }

    private enum Attempt {
        case recorded(NetworkChangeAnswer)
        /// Somebody else changed the key between the read and the write.
        case overtaken
        case over
        case refused(NetworkChangeError)
    }

    private func attempt(_ change: NetworkChange, _ leadership: Leadership) async throws(EtcdError) -> Attempt {
        let key = keyspace.networkSettings(of: change.owner)
        let present = try await etcd.get(key, timeout: timing.authority)
        let revision = present?.modRevision ?? 0
        // What nobody can read is replaced: `fluxon network` is the only way that writes it.
        let settings = present.flatMap { NetworkSettings(parsing: $0.valueText) } ?? .everyDevice
        let next: NetworkSettings
        do throws(NetworkChangeError) { next = try change.applied(to: settings) } catch { return .refused(error) }
        if next == settings {
            return .recorded(NetworkChangeAnswer(settings: next, revision: UInt64(clamping: revision), isChanged: false))
        }
        let unchanged = EtcdCompare.modRevision(of: key, .equal, revision)
        let write = election.guarded(by: leadership.value, [.put(key, next.text)], and: [unchanged])
        let result = try await etcd.transaction(write, timeout: timing.authority)
        guard result.succeeded else { return election.isOver(leadership.value, after: result) ? .over : .overtaken }
        logger.notice("devices switched", metadata: ["fluxon.instance": "\(change.owner)", "fluxon.settings": "\(next.explanation)"])
        return .recorded(NetworkChangeAnswer(settings: next, revision: UInt64(clamping: result.revision), isChanged: true))
    }

    /// What is recorded for every owner of the roster and for every other name that has settings.
    package func recordedNetworks() async throws(RPCError) -> NetworkReport {
        guard leadership != nil else { throw Self.notLeading }
        let range: EtcdRangeResult
        do throws(EtcdError) { range = try await etcd.list(prefix: keyspace.network, timeout: timing.authority) } catch {
            throw RPCError(.unavailable, "what is recorded about devices cannot be read: \(error)")
        }
        var owners: [InstanceKey: NetworkReport.Owner] = [:]
        for name in rosterOwners {
            var owner = NetworkReport.Owner(name: name)
            owner.recorded = .everyDevice
            owners[name] = owner
        }
        for keyValue in range.keyValues {
            let name = InstanceKey(String(keyValue.keyText.dropFirst(keyspace.network.count)))
            guard !name.name.isEmpty else { continue }
            var owner = NetworkReport.Owner(name: name)
            owner.recorded = NetworkSettings(parsing: keyValue.valueText)
            owner.recordedRevision = UInt64(clamping: keyValue.modRevision)
            if owner.recorded == nil { owner.problem = "what etcd holds under \(keyValue.keyText) is no line of settings" }
            owners[name] = owner
        }
        return NetworkReport(owners: Array(owners.values.sorted { $0.name < $1.name }.prefix(Limits.owners)))
    }

    private static let notLeading = RPCError(RoutingActor.notLeading, operation: "network settings")
}
