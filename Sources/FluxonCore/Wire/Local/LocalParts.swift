// What names more extents than one message may goes as several, which say the same together.

extension LocalRequest {
    /// Calls `body` with this request, or with the parts that a receiver takes.
    package func forEachPart(_ body: (LocalRequest) -> Void) {
        switch self.body {
        case .giveBack(let extents) where extents.count > Limits.localExtents:
            for part in extents.parts { body(LocalRequest(id: id, timeoutMicroseconds: timeoutMicroseconds, body: .giveBack(part))) }
        case .unmapped(let spans) where spans.count > Limits.localExtents:
            for part in spans.parts { body(LocalRequest(id: id, timeoutMicroseconds: timeoutMicroseconds, body: .unmapped(part))) }
        case .reserve, .commit, .remove, .get, .inspect, .confirm, .cancel, .giveBack, .unmapped, .upload, .leave: body(self)
        }
    }
}

extension LocalAnswer {
    /// Calls `body` with this answer, or with the parts that a receiver takes. What belongs to the request comes last, for it ends the
    /// request: spans and further extents of a grant go before it, as what nobody asked for.
    package func forEachPart(_ body: (LocalAnswer) -> Void) {
        switch self.body {
        case .granted(let grant) where grant.isLong:
            let last = grant.sendingFirst { body(LocalAnswer(id: 0, body: .granted($0))) }
            body(LocalAnswer(id: id, body: .granted(last)))
        case .outcome(var outcome) where outcome.refill.isLong:
            outcome.refill = outcome.refill.sendingFirst { body(LocalAnswer(id: 0, body: .granted($0))) }
            body(LocalAnswer(id: id, body: .outcome(outcome)))
        case .recall(let spans) where spans.count > Limits.localExtents:
            for part in spans.parts { body(LocalAnswer(id: id, body: .recall(part))) }
        case .granted, .outcome, .handover, .part, .absent, .described, .failed, .recall, .pinWords: body(self)
        }
    }
}

extension LocalAnswer.Grant {
    fileprivate var isLong: Bool { extents.count + spans.count > Limits.localExtents }

    /// Spans first: a process maps them before it uses what lies in them.
    ///
    /// - Returns: What is left for the request's own answer: at most half a message's extents, without spans.
    fileprivate func sendingFirst(_ send: (LocalAnswer.Grant) -> Void) -> LocalAnswer.Grant {
        for part in spans.parts { send(LocalAnswer.Grant(spans: part)) }
        let kept = Limits.localExtents / 2
        if extents.count > kept {
            for part in Array(extents[kept...]).parts { send(LocalAnswer.Grant(extents: part)) }
        }
        return LocalAnswer.Grant(extents: Array(extents.prefix(kept)))
    }
}

extension [LocalExtent] {
    fileprivate var parts: [[LocalExtent]] {
        stride(from: 0, to: count, by: Limits.localExtents).map { Array(self[$0..<Swift.min($0 + Limits.localExtents, count)]) }
    }
}
