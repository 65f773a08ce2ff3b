import FluxonCore
import FluxonOwner
import FluxonPool
import FluxonSeededRandom

/// A business process on a host: reads from the pool by itself, in the steps of P3, writes into its own arena, and asks the owner for
/// the rest. It does one thing at a time.
final class SimulatedClient: SimulatedProcess {
    let host: SimulatedHost
    let name: String
    /// The attachment of now, to the owner's present life or to one that is gone.
    var session: SimulatedSession?
    var call: SimulatedCall?
    /// Versions that it saw last, for conditions.
    var seen: [Key: (version: Version, value: UInt64)] = [:]
    /// Its last call ended after all faults were over.
    var isSettled = false
    /// Calls that succeeded after all faults were over, and such that found no room in a small pool.
    var healthySuccesses = 0
    var healthyRefusals = 0
    private var lastCall = 0

    init(host: SimulatedHost, place: Int) {
        self.host = host
        name = "process-\(host.number)\(place == 0 ? "a" : place == 1 ? "b" : "c\(place)")"
    }

    func begin(_ call: SimulatedCall) {
        lastCall += 1
        call.number = lastCall
        self.call = call
    }
}

/// What a process waits for from its owner.
final class SimulatedCall {
    var number = 0
    var request: UInt64 = 0
    /// Sends it, again after a reconnect: a commit with its token (T1), a read as a new one.
    let send: (SimulatedCall) -> Void
    let answer: (LocalAnswer.Body) -> Void
    /// The owner is gone, or time is up.
    let fail: () -> Void

    init(send: @escaping (SimulatedCall) -> Void, answer: @escaping (LocalAnswer.Body) -> Void, fail: @escaping () -> Void) {
        self.send = send
        self.answer = answer
        self.fail = fail
    }
}

extension Simulation {
    func startClient(_ client: SimulatedClient, after delay: UInt64) {
        schedule(after: delay) { [unowned self] in
            client.life += 1
            client.isAlive = true
            client.stoppedUntil = 0
            actAgain(client)
        }
    }

    /// `kill -9`. The owner learns it from the pidfd; what the process had under way may still take effect.
    func crash(_ client: SimulatedClient) {
        guard client.isAlive else { return }
        trace.add(now, client.name, [31], "killed")
        client.isAlive = false
        let session = client.session
        let call = client.call
        client.session = nil
        client.call = nil
        call?.fail()
        startClient(client, after: random.range(50...3_000) * Self.millisecond)
        guard let session else { return }
        let host = client.host
        deliver(to: host.owner, after: random.range(1...20) * Self.millisecond) { [unowned self] in
            turn(host) { table, _ in end(session, host, &table) }
        }
    }

    func actAgain(_ client: SimulatedClient) {
        // Little goes on at the end: it shows whether the cluster is well again.
        let pause = random.below(options.thinkMilliseconds * 2 * (isCalm ? 20 : 1)) + 1
        deliver(to: client, after: pause * Self.millisecond) { [unowned self] in act(client) }
    }

    private func act(_ client: SimulatedClient) {
        attach(client)
        guard let session = client.session else { return failed(client) }
        let key = pick(keys)
        if isUndisturbed(key) { return get(client, session, key) }
        switch random.below(100) {
        case 0..<57: get(client, session, key)
        case 57..<61: ask(client, session, key, .metadata, now)
        case 61..<75: put(client, session, key)
        case 75..<83: putIfPresent(client, session, key)
        case 83..<90: putIf(client, session, key)
        case 90..<93: remove(client, session, key)
        case 93..<96: removeIf(client, session, key)
        default:
            // What makes room for others is no call that could show that this one is served.
            guard !isHealthDue else { return get(client, session, key) }
            let host = client.host
            deliver(to: host.owner, after: localDelay()) { [unowned self] in
                turn(host) { table, _ in _ = evict(key, host, &table) }
            }
            actAgain(client)
        }
    }

    /// Attaches to the owner's present life, unless the process still reads from the pool of an earlier one.
    private func attach(_ client: SimulatedClient) {
        let host = client.host
        if let session = client.session, session.hostLife == host.owner.life || !host.owner.isAlive { return }
        if let old = client.session, !old.store.isFenced, host.clock.read(at: now) < old.store.deadline, !random.oneIn(4) { return }
        guard host.owner.isAlive, host.owner.stoppedUntil <= now else { return }
        host.lastSession += 1
        do {
            let session = try SimulatedSession(
                number: host.lastSession, client: client, hostLife: host.owner.life, store: host.store)
            client.session = session
            host.sessions.append(session)
            host.everySession.append(session)
        } catch {
            invariants.fail("attach of \(client.name): \(error)")
        }
    }

    // MARK: The channel to the owner

    /// A request on its way to the owner, over the connection of now.
    func send(_ session: SimulatedSession, _ request: LocalRequest) {
        let host = session.client.host
        var frame = LocalRequestFrame(requests: [request])
        frame.received = session.received
        session.received = []
        let bytes = frame.encoded()
        trace.mix(bytes)
        let connection = session.connection
        deliver(to: host.owner, after: localArrival(&session.lastUp)) { [unowned self] in
            guard host.owner.life == session.hostLife, session.connection == connection, !session.isOver else { return }
            guard let frame = try? LocalRequestFrame(decoding: bytes) else { return invariants.fail("codec: a process's request") }
            turn(host) { table, local in handle(frame, session, host, &table, local) }
        }
    }

    /// Sends the request of a call; nothing is sent while there is no connection, the reconnect sends it then.
    func send(_ call: SimulatedCall, _ session: SimulatedSession, patience: UInt64, _ body: LocalRequest.Body) {
        call.request = session.nextRequest
        session.nextRequest += 1
        guard session.isConnected else { return }
        send(session, LocalRequest(id: call.request, timeoutMicroseconds: patience / 1_000, body: body))
    }

    func start(_ call: SimulatedCall, _ client: SimulatedClient, _ session: SimulatedSession, patience: UInt64) {
        let host = client.host
        client.begin(call)
        guard host.owner.isAlive, host.owner.life == session.hostLife else { return end(client, call) { call.fail() } }
        call.send(call)
        // The library gives up by itself when the owner does not answer in time.
        let number = call.number
        deliver(to: client, after: patience + 5 * Self.second) { [unowned self] in
            guard let call = client.call, call.number == number else { return }
            if session.isConnected { send(session, LocalRequest(id: call.request, body: .cancel)) }
            end(client, call) { call.fail() }
        }
    }

    private func end(_ client: SimulatedClient, _ call: SimulatedCall, _ body: () -> Void) {
        client.call = nil
        body()
    }

    func heard(_ answer: LocalAnswer, _ session: SimulatedSession) {
        let client = session.client
        if case .recall(let spans) = answer.body { return unmap(spans, session) }
        if case .granted(let grant) = answer.body { map(grant, session) }
        if case .outcome(let outcome) = answer.body { session.received.append(outcome.counter) }
        guard let call = client.call, call.request == answer.id else {
            // Nobody waits for it any more; a value that is handed over is let go.
            if case .handover = answer.body { send(session, LocalRequest(id: answer.id, body: .confirm(pinned: true, pinWords: 0))) }
            return
        }
        end(client, call) { call.answer(answer.body) }
    }

    /// The connection between a process and its owner breaks; both live, and the process comes back (T1, P8).
    func cut(_ session: SimulatedSession) {
        guard session.isConnected else { return }
        let client = session.client
        let host = client.host
        trace.add(now, client.name, [32], "its connection to \(host.instance) breaks")
        session.isConnected = false
        session.connection += 1
        deliver(to: host.owner, after: localDelay()) { [unowned self] in
            guard host.owner.life == session.hostLife, !session.isOver else { return }
            turn(host) { table, _ in
                disconnectAtOwner(session, host, &table)
                #if FLUXON_PLANTING
                if options.planted == .process(.closeIsDeath) { end(session, host, &table) }
                #endif
            }
        }
        deliver(to: client, after: random.range(1...300) * Self.millisecond) { [unowned self] in
            guard client.session === session, host.owner.isAlive, host.owner.life == session.hostLife else { return }
            let connection = session.connection
            deliver(to: host.owner, after: localDelay()) { [unowned self] in
                guard host.owner.life == session.hostLife, session.connection == connection else { return }
                guard !session.isOver else { return forgotten(session) }
                for entry in session.ledger.reconnect() { session.store.pool.unhold(entry) }
                let spans = session.store.pool.spans(of: session.number)
                let withdrawn = session.store.pool.withdrawnSpans(of: session.number)
                deliver(to: client, after: localArrival(&session.lastDown)) { [unowned self] in
                    guard client.session === session, session.connection == connection else { return }
                    session.isConnected = true
                    // What the old connection carried may be lost (as in `ProcessSession.connect`).
                    map(.init(spans: spans.map { LocalExtent($0) }), session)
                    if !withdrawn.isEmpty { unmap(withdrawn.map { LocalExtent($0) }, session) }
                    if let call = client.call { call.send(call) }
                }
            }
        }
    }

    /// The owner has no such session any more: the process attaches anew.
    private func forgotten(_ session: SimulatedSession) {
        let client = session.client
        guard client.session === session else { return }
        client.session = nil
        if let call = client.call { end(client, call) { call.fail() } }
    }

    /// The owner's process is gone: sockets are closed, mappings stay.
    func ownerGone(_ session: SimulatedSession) {
        let client = session.client
        guard client.isAlive, client.session === session else { return }
        session.isConnected = false
        session.connection += 1
        if let call = client.call { end(client, call) { call.fail() } }
    }

    // MARK: Ends of calls

    func failed(_ client: SimulatedClient, _ code: UInt16? = nil) {
        trace.add(
            now, client.name, [34, UInt64(code ?? 0)], "its call failed\(code.map { ": \(FluxonError.Code(rawValue: $0).story)" } ?? "")")
        history.countFailure()
        guard client.isAlive else { return }
        // Its call may have begun while the last fault was felt. A small pool may be full of what others write or hold.
        let isFull = code == FluxonError.Code.poolExhausted.rawValue
        if isHealthDue, isFull { client.healthyRefusals += 1 }
        if isHealthDue, client.isSettled, !isFull { invariants.fail("liveness: a call of \(client.name) failed after all faults") }
        client.isSettled = isHealthDue
        actAgain(client)
    }

    func succeeded(_ client: SimulatedClient) {
        history.countSuccess()
        if isHealthDue { client.healthySuccesses += 1 }
        client.isSettled = isHealthDue
        actAgain(client)
    }

    /// With nothing wrong for a while, everybody is served again.
    func checkHealth() {
        for client in clients where client.healthySuccesses + client.healthyRefusals == 0 {
            invariants.fail("liveness: \(client.name) gets no answers long after the last fault")
        }
    }
}
