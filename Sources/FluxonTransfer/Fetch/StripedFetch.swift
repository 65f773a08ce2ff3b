import FluxonCore

/// A fetch on its way, over one path at a time or over several.
protocol RunningFetch: AnyObject {
    func start()
    /// Closes its paths. The completion follows with `.cancelled`, unless it was on its way already.
    func cancel()
}

/// One large range on its way over several rails at once: each part is a fetch of its own, with its own ticket, and goes on over another
/// rail, or another transport, when its own breaks. On the loop only.
///
///     split ──▶ a ticket for each part but the first ──▶ every part arrived ──▶ ended
///                  └ no further ticket: the part failed ──▶ the others are cancelled; ended when no transport touches the destination
final class StripedFetch: RunningFetch {
    private final class Part {
        let range: Range<UInt64>
        let rail: String
        var fetch: Fetch?
        var isCancelled = false
        var result: Result<Void, TransferError>?

        init(range: Range<UInt64>, rail: String) {
            self.range = range
            self.rail = rail
        }
    }

    private let request: FetchRequest
    private let paths: FetchPaths
    private let parts: [Part]
    private let renew: (Range<UInt64>, @escaping (Ticket?) -> Void) -> Void
    private let completion: (Result<Void, TransferError>) -> Void

    /// Nil for a request that is not worth splitting now: too small, a single rail, or no way to get more tickets.
    init?(_ request: FetchRequest, paths: FetchPaths, limits: TransferLimits, completion: @escaping (Result<Void, TransferError>) -> Void) {
        guard let renew = request.renew, request.range.byteCount >= 2 * UInt64(limits.stripeBytes),
            request.range.byteCount <= UInt64(request.destination.bytes.count)
        else { return nil }
        let rails = paths.rails(to: request.peer).map(\.transport.name)
        let ranges = Self.split(request.range, over: rails.count, atLeast: UInt64(limits.stripeBytes))
        guard ranges.count > 1 else { return nil }
        self.request = request
        self.paths = paths
        self.renew = renew
        self.completion = completion
        parts = zip(ranges, rails).map { Part(range: $0, rail: $1) }
    }

    /// As many parts as there are rails, as equal as pages allow, none shorter than `shortest`.
    static func split(_ range: Range<UInt64>, over rails: Int, atLeast shortest: UInt64) -> [Range<UInt64>] {
        let count = min(UInt64(max(rails, 1)), max(range.byteCount / max(shortest, 1), 1))
        let part = (range.byteCount / count + pageBytes - 1) / pageBytes * pageBytes
        return (0..<count).map { index in
            let start = min(range.lowerBound + index * part, range.upperBound)
            return start..<(index == count - 1 ? range.upperBound : min(start + part, range.upperBound))
        }
    }

    private static let pageBytes: UInt64 = 4096

    func start() {
        for (index, part) in parts.enumerated() {
            guard index > 0 else {
                start(part, request.ticket)
                continue
            }
            renew(part.range) { [self] ticket in
                if part.isCancelled {
                    ended(part, .failure(TransferError(.cancelled, path: part.rail)))
                } else if let ticket {
                    start(part, ticket)
                } else {
                    ended(part, .failure(TransferError(.connectFailed("the holder gives no ticket for a part"), path: part.rail)))
                }
            }
        }
    }

    func cancel() {
        for part in parts where part.result == nil {
            part.isCancelled = true
            part.fetch?.cancel()
        }
    }

    private func start(_ part: Part, _ ticket: Ticket) {
        var order = FetchRequest(
            peer: request.peer, ticket: ticket, version: request.version, range: part.range,
            destination: request.destination.dropFirst(Int(part.range.lowerBound - request.range.lowerBound)), deadline: request.deadline)
        order.renew = request.renew
        let fetch = Fetch(order, paths: paths, preferring: part.rail) { [self] result in ended(part, result) }
        part.fetch = fetch
        fetch.start()
    }

    private func ended(_ part: Part, _ result: Result<Void, TransferError>) {
        guard part.result == nil else { return }
        part.result = result
        part.fetch = nil
        if case .failure = result { cancel() }
        guard parts.allSatisfy({ $0.result != nil }) else { return }
        completion(outcome)
    }

    /// The first failure that is not the cancelling of the others, with what is there from the start on.
    private var outcome: Result<Void, TransferError> {
        var verified = 0
        var isWhole = true
        var failure: TransferError?
        for part in parts {
            switch part.result {
            case .success: if isWhole { verified += Int(part.range.byteCount) }
            case .failure(let error):
                if isWhole { verified += error.verified }
                isWhole = false
                if failure == nil || failure?.reason == .cancelled { failure = error }
            case nil: isWhole = false
            }
        }
        guard let failure else { return .success(()) }
        return .failure(TransferError(failure.reason, verified: verified, path: failure.path))
    }
}
