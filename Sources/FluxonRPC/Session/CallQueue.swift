internal import DequeModule

/// Calls in their order, each of which leaves in O(1) wherever it stands: a client that cancels all of its calls costs as much as they did.
struct CallQueue {
    /// A call that left has left a hole.
    private var places = Deque<RPCStream?>()
    /// The number of the first place.
    private var first = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ stream: RPCStream) {
        if places.count >= 64, places.count > count * 2 { closeHoles() }
        stream.queuePlace = first + places.count
        places.append(stream)
        count += 1
    }

    mutating func remove(_ stream: RPCStream) {
        let index = stream.queuePlace - first
        guard places.indices.contains(index), places[index] === stream else { return }
        places[index] = nil
        count -= 1
    }

    mutating func popFirst() -> RPCStream? {
        while let place = places.popFirst() {
            first += 1
            guard let stream = place else { continue }
            count -= 1
            return stream
        }
        return nil
    }

    /// All calls in their order; none is left.
    mutating func removeAll() -> [RPCStream] {
        defer { self = CallQueue() }
        return places.compactMap(\.self)
    }

    /// More than half are holes, so that this costs each call that left a constant.
    private mutating func closeHoles() {
        first += places.count
        places = Deque(places.filter { $0 != nil })
        for (index, stream) in places.enumerated() { stream?.queuePlace = first + index }
    }
}
