import FluxonCore
package import FluxonOwner
package import FluxonPool
package import FluxonRPC
package import FluxonSystem
import FluxonTestFiles
import Glibc

/// An owner without a cluster, in this process, behind a real socket.
package final class LocalOwner: @unchecked Sendable {
    // SAFETY: `parts` is made before anybody else sees this object; what is in it is touched on the loop alone.
    package let path: String
    package let loop: EventLoop
    private var parts: Parts?

    package struct Parts {
        package let pool: Pool
        package let backend: StandaloneBackend
        package let server: RPCServer
        package let service: LocalService
    }

    package init(
        path: String = LocalOwner.freshPath(), capacityBytes: Int = 16 << 20, generation: UInt64 = 1, clusterName: String = "demo"
    ) async throws {
        self.path = path
        loop = try EventLoop.started(name: "owner")
        try await loop.perform { [self] in
            let pool = try Pool(PoolStorage.anonymous(capacityBytes: capacityBytes), epoch: generation)
            let backend = StandaloneBackend(pool: pool, loop: loop)
            let server = RPCServer(loop: loop)
            let identity = LocalIdentity(
                clusterName: clusterName, owner: InstanceKey("owner-1"), generation: Generation(generation))
            let service = LocalService(loop: loop, server: server, pool: pool, backend: backend, identity: identity)
            try service.listen(path: path)
            parts = Parts(pool: pool, backend: backend, server: server, service: service)
        }
    }

    deinit { loop.stop() }

    package static func freshPath() -> String { TestFolder.fresh(".sock") }

    /// Looks into the owner, on its loop.
    package func inside<T: Sendable>(_ body: @escaping @Sendable (Parts) throws -> T) async throws -> T {
        try await loop.perform { [self] in
            guard let parts else { throw FluxonError(.closed, "this owner was stopped") }
            return try body(parts)
        }
    }

    /// Waits until `condition` holds, looking after every turn of the owner's loop.
    package func until(_ condition: @escaping @Sendable (Parts) -> Bool) async throws {
        while try await !inside(condition) { try await loop.sleep(for: .milliseconds(1)) }
    }

    /// Ends as a crash does: every connection drops and the pool is no longer anybody's.
    package func crash() async throws {
        try await loop.perform { [self] in
            parts?.service.close()
            parts?.server.close()
            parts?.pool.fence()
            parts = nil
        }
    }
}
