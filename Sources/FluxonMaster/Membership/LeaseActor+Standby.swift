import FluxonCore
import FluxonEtcd
import FluxonSystem
import Logging

// Masters that wait for the leadership show themselves to people. Nothing waits for these keys, and no failure of theirs ends anything.
extension LeaseActor {
    /// Shows this master as standing by once `waits` says that another one leads, until the task is cancelled.
    func showStandby(of master: InstanceKey, _ line: AttributeLine, once waits: AsyncStream<Void>) -> Task<Void, Never> {
        let (etcd, key, logger) = (etcd, keyspace.standby(of: master), logger)
        return Task(executorPreference: loop.taskExecutor) {
            for await _ in waits { break }
            guard !Task.isCancelled else { return }
            do throws(EtcdError) {
                try await etcd.keepPresent(key, Array(line.text.utf8), ttl: Self.leaderLease)
            } catch {
                if !Task.isCancelled {
                    logger.notice("this master is not shown among those that stand by", metadata: ["fluxon.error": "\(error)"])
                }
            }
        }
    }

    /// Tells `routing` of every master that stands by, until the task is cancelled.
    package func followStandbys(_ routing: RoutingActor) async {
        while !Task.isCancelled {
            do throws(EtcdError) {
                try await etcd.mirror(.prefix(keyspace.standbys)) { event in routing.assumeIsolated { $0.standbysChanged(event) } }
            } catch {
                if !Task.isCancelled { logger.notice("masters that stand by are not known", metadata: ["fluxon.error": "\(error)"]) }
            }
            try? await loop.sleep(for: .seconds(60))
        }
    }
}
