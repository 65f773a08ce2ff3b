package import FluxonCore

/// A get taken apart into the steps of P3, so that a test or the simulator can stop it between any two, for any time, and let the
/// owner work meanwhile. The same step functions in the same order as `PoolView.get`.
///
///     look ──▶ pin ──▶ loadDeadline ──▶ readClock ──▶ lookAgain ──▶ readFields ──▶ done
///      ▲        no candidate left, or a refusal: done     │ changed: from the start, twice │
///      └──────────────────────────────────────────────────┴── another key: next candidate ─┘
package struct SteppedRead: ~Copyable {
    package enum Step: Sendable, CaseIterable { case look, pin, loadDeadline, readClock, lookAgain, readFields, done }

    /// What the next `advance` does.
    package private(set) var next = Step.look
    private let view: PoolView
    private let key: [UInt8]
    private let hash: KeyHash
    private let consistency: LocalConsistency
    private var search: PoolView.Candidates
    private var number: UInt32 = 0
    private var word = EntryWord(bits: 0)
    private var pin: Int?
    private var deadline: UInt64 = 0
    private var retries = 0
    private var outcome: LocalRead?
    #if FLUXON_PLANTING
    private var planted: PlantedReaderMistake?

    package init(_ view: PoolView, _ key: Key, planted: PlantedReaderMistake?) {
        self.init(view, key)
        self.planted = planted
    }
    #endif

    package init(_ view: PoolView, _ key: Key, _ consistency: LocalConsistency = .current) {
        self.view = view
        self.key = key.bytes
        self.consistency = consistency
        hash = key.bytes.withUnsafeBytes { KeyHash($0, seed: view.geometry.hashSeed) }
        search = view.candidates(of: hash)
    }

    deinit {
        if let pin { view.unpin(pin) }
    }

    /// Does one step. `now` counts only at `readClock`.
    package mutating func advance(now: BootInstant) {
        switch next {
        case .look: look()
        case .pin:
            pin = view.pins.claim(EntryWord.pin(entry: number, generation: word.generation))
            if pin == nil { end(.noPinWord) } else { next = successor(of: .pin) }
        case .loadDeadline:
            guard let deadline = view.loadDeadline(consistency) else { return end(.epochChanged) }
            self.deadline = deadline
            next = successor(of: .loadDeadline)
        case .readClock:
            if now.nanoseconds < deadline { next = successor(of: .readClock) } else { end(.notCurrent) }
        case .lookAgain:
            if view.lookAgain(at: number, word) { next = successor(of: .lookAgain) } else { startAgain() }
        case .readFields: readFields()
        case .done: break
        }
    }

    /// All remaining steps at one moment, and the answer.
    package consuming func finish(now: BootInstant) -> LocalRead {
        while next != .done { advance(now: now) }
        switch outcome.take() {
        case .some(let outcome): return outcome
        case .none: return .miss
        }
    }

    private func successor(of step: Step) -> Step {
        #if FLUXON_PLANTING
        if let step = planted?.successor(of: step) { return step }
        #endif
        return switch step {
        case .look: .pin
        case .pin: .loadDeadline
        case .loadDeadline: .readClock
        case .readClock: .lookAgain
        case .lookAgain: .readFields
        case .readFields, .done: .done
        }
    }

    private mutating func look() {
        while let candidate = search.next(in: view) {
            guard let seen = view.lookOnce(at: candidate, hash) else { continue }
            number = candidate
            word = seen
            next = successor(of: .look)
            return
        }
        end(view.isAttached ? .miss : .epochChanged)
    }

    private mutating func readFields() {
        let fields = key.withUnsafeBytes { view.fields(of: number, ifKeyIs: $0) }
        guard let fields, let pin else {
            dropPin()
            next = .look
            return
        }
        view.warm(number)
        self.pin = nil
        end(.hit(view.view(fields, EntryReference(index: number, generation: word.generation), pin: pin, keeper: view)))
    }

    private mutating func startAgain() {
        dropPin()
        retries += 1
        guard retries <= PoolView.retryLimit else { return end(view.isAttached ? .miss : .epochChanged) }
        search = view.candidates(of: hash)
        next = .look
    }

    private mutating func end(_ outcome: consuming LocalRead) {
        dropPin()
        self.outcome = consume outcome
        next = .done
    }

    private mutating func dropPin() {
        if let pin { view.unpin(pin) }
        pin = nil
    }
}
