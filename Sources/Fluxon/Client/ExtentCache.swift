internal import FluxonCore
internal import FluxonPool
private import Synchronization

/// Extents that the owner granted and no put uses yet, by size. From any thread.
final class ExtentCache: Sendable {
    /// All of them together have at most so many bytes: those of the pool. An owner that grants more grants memory twice, and the rest is
    /// left to it.
    private let limit: UInt64
    private struct State {
        /// Sorted by capacity.
        var classes: [(capacity: UInt64, extents: [Extent])] = []
        var byteCount: UInt64 = 0
    }

    private let state = Mutex(State())

    init(limit: UInt64) { self.limit = limit }

    /// An extent for `byteCount` bytes that wastes no more than the owner's own choice would; nil when there is none.
    func take(_ byteCount: Int) -> Extent? {
        let wanted = UInt64(byteCount)
        // Classes waste at most an eighth, and a page for values of pages.
        let limit = wanted + max(wanted / 8, wanted > 32 << 10 ? 4095 : 63)
        return state.withLock { state in
            for index in state.classes.indices {
                let capacity = state.classes[index].capacity
                guard capacity >= wanted else { continue }
                guard capacity <= limit else { return nil }
                if let extent = state.classes[index].extents.popLast() {
                    state.byteCount -= extent.capacity
                    return extent
                }
            }
            return nil
        }
    }

    func add(_ extents: some Sequence<Extent>) {
        state.withLock { state in
            for extent in extents where extent.capacity <= limit - state.byteCount {
                state.byteCount += extent.capacity
                if let index = state.classes.firstIndex(where: { $0.capacity >= extent.capacity }) {
                    if state.classes[index].capacity == extent.capacity {
                        state.classes[index].extents.append(extent)
                    } else {
                        state.classes.insert((extent.capacity, [extent]), at: index)
                    }
                } else {
                    state.classes.append((extent.capacity, [extent]))
                }
            }
        }
    }

    /// Everything, for the owner who needs the room.
    func takeAll() -> [Extent] {
        state.withLock { state in
            defer { state = State() }
            return state.classes.flatMap(\.extents)
        }
    }

    var byteCount: UInt64 { state.withLock { $0.byteCount } }
}
