import CFluxonPool
package import FluxonCore

/// The bytes of one value, pinned: current at some moment between the get's call and its answer, and unchanged while this value lives.
package struct PinnedView: ~Copyable, @unchecked Sendable {
    // SAFETY: `start` points into the view's mapping at an extent that cannot be reused while pin word `word` names its entry; `view`,
    // and with it the mapping, lives at least as long as `keeper`, which is the view itself or a `PoolReader` of it.
    private let start: UnsafeRawPointer
    package let byteCount: Int
    package let flags: UInt32
    package let entry: EntryReference
    private let word: Int
    private unowned(unsafe) let view: PoolView
    private let keeper: AnyObject

    @inline(__always)
    init(start: UnsafeRawPointer, byteCount: Int, flags: UInt32, entry: EntryReference, word: Int, view: PoolView, keeper: AnyObject) {
        self.start = start
        self.byteCount = byteCount
        self.flags = flags
        self.entry = entry
        self.word = word
        self.view = view
        self.keeper = keeper
    }

    deinit { view.unpin(word) }

    /// In a forked child, where the entry is not mapped, the lowest version.
    package var version: Version { isUsable ? view.version(of: entry.index) : Version(term: 0, sequence: 0) }

    /// False in a forked child, where the memory is not mapped: touching the bytes there would end the process (CONSISTENCY P9).
    package var isUsable: Bool { !view.isForkedChild }

    /// The bytes, in place. Valid while this value lives and `isUsable`: whoever takes them keeps the value alive. Read what must
    /// not be trusted once, into a copy (P7).
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: byteCount) }

    /// Lends the bytes; the pin outlives `body`.
    @inline(__always)
    package borrowing func withBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { extendLifetime(self) }
        return try body(bytes)
    }
}

/// How a get from shared memory ended.
package enum LocalRead: ~Copyable {
    case hit(PinnedView)
    /// Proves nothing: the owner is asked (P1).
    case miss
    /// The owner's validity is over: wait for it, or ask the owner (L4).
    case notCurrent
    /// The owner was restarted or this pool was fenced: attach anew.
    case epochChanged
    /// All granted pin words are taken: ask the owner for more.
    case noPinWord
    /// This process was forked from the one that attached.
    case forkedChild
}

/// What a get asks of the copy that it reads.
package enum LocalConsistency: Sendable {
    /// The value that is current in the whole cluster.
    case current
    /// The copy of this host, whether the owner is cut off or not: for content-addressed values.
    case local
}
