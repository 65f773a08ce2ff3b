import DequeModule
import FluxonTransfer

/// Who may have how much of a relay's memory, and who is next. Rules only.
///
///     submitted ──room, and it is its asker's turn──▶ holding ──finished──▶ (gone; the next ones are taken in)
///         └──withdrawn: the asker went, or waited too long──▶ (gone)
///
/// What is held never exceeds the limit. Askers take turns, one request each; the requests of one asker keep their order. A request that does
/// not fit yet is waited for: a smaller one of another asker must not pass it for ever.
struct RelayQueue {
    struct Request: Hashable {
        let number: UInt64
        let asker: Asker
        let byteCount: Int
    }

    let limitBytes: Int
    let waitingLimit: Int
    private(set) var heldBytes = 0
    private(set) var waitingCount = 0
    private var waiting: [Asker: Deque<Request>] = [:]
    /// Askers with something waiting, the next one first.
    private var turns: Deque<Asker> = []
    private var held: [UInt64: Int] = [:]
    private var nextNumber: UInt64 = 0

    init(limitBytes: Int, waitingLimit: Int) {
        self.limitBytes = limitBytes
        self.waitingLimit = waitingLimit
    }

    /// - Returns: Nil when the line is too long, or the request could never be served.
    mutating func submit(_ asker: Asker, byteCount: Int) -> Request? {
        guard byteCount <= limitBytes, waitingCount < waitingLimit else { return nil }
        let request = Request(number: nextNumber, asker: asker, byteCount: byteCount)
        nextNumber += 1
        waitingCount += 1
        if waiting[asker, default: []].isEmpty { turns.append(asker) }
        waiting[asker, default: []].append(request)
        return request
    }

    /// Takes in what there is room for now, in order. What it returns holds its bytes until `finished`.
    mutating func takeReady() -> [Request] {
        var ready: [Request] = []
        while let asker = turns.first, let request = waiting[asker]?.first, request.byteCount <= limitBytes - heldBytes {
            turns.removeFirst()
            waiting[asker]?.removeFirst()
            if waiting[asker]?.isEmpty == true { waiting[asker] = nil } else { turns.append(asker) }
            waitingCount -= 1
            heldBytes += request.byteCount
            held[request.number] = request.byteCount
            ready.append(request)
        }
        return ready
    }

    /// - Returns: False when it does not wait any more: then it holds its bytes, or is over.
    mutating func withdraw(_ request: Request) -> Bool {
        guard let index = waiting[request.asker]?.firstIndex(of: request) else { return false }
        waiting[request.asker]?.remove(at: index)
        waitingCount -= 1
        if waiting[request.asker]?.isEmpty == true {
            waiting[request.asker] = nil
            turns.removeAll { $0 == request.asker }
        }
        return true
    }

    /// Its memory is free again.
    mutating func finished(_ request: Request) {
        heldBytes -= held.removeValue(forKey: request.number) ?? 0
    }
}
