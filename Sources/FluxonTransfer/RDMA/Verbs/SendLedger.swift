/// Which places of a send queue are taken. Work completes in order, so that one completion frees all that was posted before it; what is
/// sent without one is freed by the next that has one. Rules only.
struct SendLedger {
    struct Work: Equatable {
        let sequence: UInt64
        /// Place in the queue, and of the message's bytes.
        let slot: Int
        let isSignalled: Bool
    }

    let capacity: Int
    private var posted: UInt64 = 0
    private var completed: UInt64 = 0
    private var silent = 0

    init(capacity: Int) { self.capacity = capacity }

    /// Places left.
    var room: Int { capacity - Int(posted - completed) }

    /// The place that is taken next.
    var nextSlot: Int { Int(posted % UInt64(capacity)) }

    /// Takes the next place. There must be room.
    ///
    /// - Parameter isSignalled: Whether a completion is needed anyway; else every so often one is asked for.
    mutating func post(isSignalled: Bool) -> Work {
        precondition(room > 0, "the queue is full: its user looks for room first")
        let isSignalled = isSignalled || silent + 1 >= max(capacity / 4, 1)
        silent = isSignalled ? 0 : silent + 1
        defer { posted += 1 }
        return Work(sequence: posted, slot: nextSlot, isSignalled: isSignalled)
    }

    /// A completion came for `sequence`.
    mutating func completed(_ sequence: UInt64) { completed = min(max(completed, sequence + 1), posted) }
}
