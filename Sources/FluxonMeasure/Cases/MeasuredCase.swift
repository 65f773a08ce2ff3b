package import Fluxon

/// The cases that `fluxon bench` and `Benchmarks/` share, by the names that their figures carry.
package enum MeasuredCase: String, CaseIterable, Sendable {
    case memcpy
    case rawLoopback = "raw loopback"
    case localGetZeroCopy = "local get zero-copy"
    case localGetTouched = "local get touched"
    case localPut = "local put"
    case localPutOnExecutor = "local put on the store's executor"
    case remoteGet = "remote get tcp"
    case unaryCall = "rpc unary"

    /// The sizes in bytes that everything is measured at unless asked otherwise.
    package static let sizes = [1 << 10, 4 << 10, 64 << 10, 1 << 20, 16 << 20]
    /// How many operations `local put` and `rpc unary` have in flight.
    private static let inFlight = [1, 64]

    /// Where values are put and got.
    package struct Stores: Sendable {
        package let store: Store
        /// Attached to another owner of the same cluster, for `remote get tcp`.
        package let peer: Store?

        /// What failed or was interrupted leaves its keys here.
        package let keys = MeasuredKeys()

        package init(store: Store, peer: Store?) {
            self.store = store
            self.peer = peer
        }
    }

    /// Whether the case needs a cluster to attach to.
    package var usesStore: Bool {
        switch self {
        case .localGetZeroCopy, .localGetTouched, .localPut, .localPutOnExecutor, .remoteGet: true
        case .memcpy, .rawLoopback, .unaryCall: false
        }
    }

    /// The figures of one size: one row, or one for each number of operations in flight. None without the stores that the case needs.
    package func measure(bytes: Int, timing: CaseTiming, stores: Stores? = nil) async throws -> [Measurement] {
        switch self {
        case .memcpy: return [MemoryCopyLimit.measure(bytes: bytes, duration: timing.duration)]
        case .rawLoopback: return [try RawLoopback.measure(bytes: bytes, timing: timing)]
        case .unaryCall:
            var results: [Measurement] = []
            for count in Self.inFlight { results.append(try await UnaryCallCase.measure(bytes: bytes, inFlight: count, timing: timing)) }
            return results
        case .localGetZeroCopy, .localGetTouched, .localPut, .localPutOnExecutor, .remoteGet:
            guard let stores else { return [] }
            return try await measure(bytes: bytes, StoreCases(store: stores.store, timing: timing, keys: stores.keys), peer: stores.peer)
        }
    }

    private func measure(bytes: Int, _ cases: StoreCases, peer: Store?) async throws -> [Measurement] {
        switch self {
        case .localGetZeroCopy: return [try await cases.localGetZeroCopy(bytes: bytes)]
        case .localGetTouched: return [try await cases.localGetTouched(bytes: bytes)]
        case .remoteGet:
            guard let peer else { return [] }
            return [try await cases.remoteGet(bytes: bytes, from: peer)]
        case .localPut, .localPutOnExecutor:
            let isOnExecutor = self == .localPutOnExecutor
            var results: [Measurement] = []
            for count in Self.inFlight {
                results.append(try await cases.localPut(bytes: bytes, inFlight: count, isOnExecutor: isOnExecutor))
            }
            return results
        case .memcpy, .rawLoopback, .unaryCall: return []
        }
    }
}
