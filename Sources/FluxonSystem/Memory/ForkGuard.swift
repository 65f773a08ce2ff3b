private import Synchronization

/// Knows whether this process was forked since the guard was made: a word that the kernel wipes in the child (CONSISTENCY P9).
package final class ForkGuard: @unchecked Sendable {
    // SAFETY: `word` is on a page of its own that lives as long as this object; it is written once, before anybody else can see it.
    private let word: UnsafeMutablePointer<UInt64>
    private let region: MappedRegion

    private static let latest = Mutex<ForkGuard?>(nil)

    /// The guard of this process: a forked child that attaches anew gets one of its own, and what it inherited stays inert.
    package static var current: ForkGuard {
        latest.withLock { latest in
            if let latest, !latest.isChild { return latest }
            let new = ForkGuard()
            latest = new
            return new
        }
    }

    private init() {
        do {
            region = try MappedRegion(anonymous: 4096)
            try region.advise(.wipeOnFork)
        } catch {
            fatalError("a page that tells a forked child: \(error)")
        }
        word = region.base.bindMemory(to: UInt64.self, capacity: 1)
        word.pointee = 1
    }

    /// One load.
    @inline(__always) package var isChild: Bool { word.pointee == 0 }
}
