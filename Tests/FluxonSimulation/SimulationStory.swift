import FluxonCore
import FluxonLinearizability
import FluxonMaster
import FluxonOwner

// What the trace says: messages and notes as sentences, numbers with their names.
extension Simulation {
    func tell(_ note: RoutingNote, _ master: SimulatedMaster) {
        let who = "master-\(master.number)"
        switch note {
        case .sessionBegan(let session): trace.add(now, who, [50, session.number], "session \(session) begins")
        case .sessionEnded(let session): trace.add(now, who, [51, session.number], "session \(session) ends")
        case .bypassed(let instance): trace.add(now, who, [52], "\(instance) is bypassed")
        case .lost(let instance): trace.add(now, who, [53], "\(instance) is declared lost")
        case .opened: trace.add(now, who, [54], "completes commits from here on")
        case .completed(let existing):
            let rest = keys.filter { !existing.contains($0) }.map { name($0) }
            trace.add(now, who, [55], "has heard everybody; absent: \(rest)")
        case .removing(let key, let version):
            trace.add(now, who, [60, version.sequence], "has nobody left with \(name(key)) in version \(version)")
        case .removed(let key, let version, let cause):
            trace.add(now, who, [56, version.sequence], "removes \(name(key)) in order, version \(version): \(cause)")
        case .operationCompleted(let operation, let commit, let version):
            trace.add(now, who, [57, version.sequence], "completes \(story(operation)), \(story(commit)), in version \(version)")
        case .exposed(_, let key, let version):
            trace.add(now, who, [58, version.sequence], "shows version \(version) of \(name(key)) from here on")
        case .anomaly(let text): trace.add(now, who, [59], "anomaly: \(text)")
        case .historyUnknown(let instance, _): trace.add(now, who, [60], "\(instance) has seen what the metadata do not know")
        }
    }

    func story(_ frame: OwnerFrame) -> String {
        var parts: [String] = []
        switch frame.control {
        case .hello(let hello):
            parts.append("hello, generation \(hello.generation), highest term \(hello.term), session \(hello.session)")
        case .heartbeat, nil: break
        }
        for message in frame.messages { parts.append(story(message)) }
        if case .heartbeat(let sentAt) = frame.control { parts.append("heartbeat of its \(SimulationTrace.clock(sentAt.nanoseconds))") }
        return parts.isEmpty ? "acknowledges" : parts.joined(separator: "; ")
    }

    func story(_ frame: MasterFrame) -> String {
        var parts: [String] = []
        switch frame.control {
        case .welcome(let welcome):
            let kind = welcome.isResumed ? "goes on" : welcome.keepsNothing ? "is new, nothing is believed" : "is new, report"
            parts.append("welcome as owner \(welcome.owner.number), generation \(welcome.generation): session \(frame.session) \(kind)")
        case .refused(let refusal): parts.append("refused: \(refusal.message)")
        case .grant, nil: break
        }
        for message in frame.messages { parts.append(story(message)) }
        if case .grant(let grant) = frame.control {
            parts.append("grant for the heartbeat of its \(SimulationTrace.clock(grant.sentAt.nanoseconds))")
        }
        return parts.isEmpty ? "acknowledges" : parts.joined(separator: "; ")
    }

    private func story(_ message: OwnerMessage) -> String {
        switch message {
        case .commit(let commit): return "commit \(commit.operation), \(story(commit))"
        case .taken(let operation): return "commit \(operation) is taken"
        case .confirm(let number): return "invalidations up to \(number) are applied"
        case .lookup(let lookup): return "looks up \(name(lookup.key))\(lookup.wants == .metadata ? "'s version" : "")"
        case .drop(let key, let version): return "has nothing of \(name(key)) in version \(version)"
        case .unreachable(let owners): return "cannot reach owners \(owners.map(\.number))"
        case .report(let page):
            let entries = page.entries.map { entry in
                "\(name(entry.key)) in \(entry.version)\(entry.parkedBy.map { " parked by \(story($0))" } ?? "")"
            }
            return
                "reports \(entries), pending \(page.pending.map { "\($0.operation): \(story($0))" })\(page.isLast ? ", that is all" : "")"
        }
    }

    private func story(_ message: MasterMessage) -> String {
        switch message {
        case .done(let operation, let outcome, let publishes, let isExposed):
            let what = "\(publishes ? "" : ", not to be published")\(isExposed ? ", seen by others" : "")"
            return "commit \(operation) is \(story(outcome))\(what)"
        case .invalidate(let invalidation):
            let cause = invalidation.cause.map(story) ?? "good"
            return "invalidation \(invalidation.number): \(name(invalidation.key)) up to \(invalidation.upTo) for \(cause)"
        case .settled(let numbers): return "invalidations \(numbers) are settled"
        case .restore(let key, let version): return "\(name(key)) in version \(version) is current again"
        case .found(let answer):
            switch answer.content {
            case .absent: return "lookup \(answer.lookup): absent"
            case .metadata(let version, _): return "lookup \(answer.lookup): version \(version)"
            case .copy(let copy):
                return "lookup \(answer.lookup): version \(copy.version) at owners \(copy.holders.map(\.number))"
            }
        }
    }

    private func story(_ outcome: CommitOutcome) -> String {
        switch outcome {
        case .committed(let version): "committed in version \(version)"
        case .conditionFailed(let version): "refused by its condition, met \(version.map { "\($0)" } ?? "absence")"
        case .unknown: "of unknown outcome"
        }
    }

    private func story(_ commit: LinkCommit) -> String {
        let what =
            commit.kind == .put
            ? "put \(name(commit.key)) = value \(ValueBytes.value(ofByteCount: commit.byteCount))" : "remove \(name(commit.key))"
        return what + commit.condition.story
    }

    private func story(_ operation: OperationReference) -> String { "owner \(operation.owner.number)'s commit \(operation.number)" }
}

extension HistoryOperation.Action {
    var story: String {
        switch self {
        case .read(let value): value.map { "read value \($0)" } ?? "read: absent"
        case .write(let value): "put value \(value)"
        case .remove: "remove"
        case .replace(let expected, let new): "put value \(new) where it met \(expected.map { "value \($0)" } ?? "absence")"
        case .replacePresent(let new): "put value \(new) where it met something"
        case .removeExpected(let expected): "remove where it met value \(expected)"
        }
    }
}

extension FluxonError.Code {
    var story: String {
        switch self {
        case .poolExhausted: "the pool is full"
        case .notCurrent: "the owner's validity is over"
        case .unavailable: "nobody who may have the value can be reached"
        case .deadlineExceeded: "its time is up"
        case .unknownOutcome: "of unknown outcome"
        default: "code \(rawValue)"
        }
    }
}
