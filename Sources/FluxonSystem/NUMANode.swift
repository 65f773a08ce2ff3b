internal import CNuma

/// A part of the machine whose processors and memory are near each other, and near the devices that are plugged in there.
package struct NUMANode: Hashable, Sendable {
    package let number: Int

    package init(_ number: Int) { self.number = number }

    /// How many the machine has; most have one.
    package static var count: Int { Int(cfluxon_numa_nodes()) }

    /// Lets the calling thread run on this node's processors alone.
    package func runCurrentThread() throws(SystemError) {
        _ = try checked(cfluxon_numa_run_on(CInt(clamping: number)), "run on NUMA node \(number)")
    }

    /// Has the pages that `body` touches first come from this node, as long as it has any.
    package func lendingMemory<R>(_ body: () throws -> R) throws -> R {
        _ = try checked(cfluxon_numa_prefer(CInt(clamping: number)), "take memory of NUMA node \(number)")
        defer { _ = cfluxon_numa_prefer(-1) }
        return try body()
    }
}
