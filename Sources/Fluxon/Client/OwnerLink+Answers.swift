internal import FluxonCore
internal import FluxonPool

extension OwnerLink {
    func handle(_ frame: LocalAnswerFrame) {
        for answer in frame.answers { handle(answer) }
    }

    private func handle(_ answer: LocalAnswer) {
        switch answer.body {
        case .granted(let grant): granted(grant, answer.id)
        case .outcome(let outcome):
            // One that cannot be used stays unused: the outcome is what was asked for.
            if !outcome.refill.isEmpty, let attachment, let extents = try? attachment.accept(outcome.refill) {
                attachment.cache.add(extents)
            }
            proven(by: answer.id)
            acknowledgements.arrived(outcome.counter)
            if acknowledgements.untold.count >= Limits.acknowledgementDelay { scheduleFlush() }
            end(answer.id, .outcome(outcome.result))
        case .handover(let handover): take(handover, answer.id)
        case .part(let part): append(part, answer.id)
        case .absent: end(answer.id, .absent)
        case .described(let length, _): end(answer.id, .described(length: Int(clamping: length)))
        case .failed(let code, let message): end(answer.id, .failed(FluxonError(FluxonError.Code(rawValue: code), message)))
        case .recall(let spans): recall(spans)
        case .pinWords(let count):
            pinWords = max(pinWords, count)
            attachment?.view?.grantPins(upTo: Int(clamping: count))
        }
    }

    // MARK: Extents

    /// Also for a caller that has gone: the extents are this process's all the same.
    private func granted(_ grant: LocalAnswer.Grant, _ id: UInt64) {
        guard let attachment else { return }
        do throws(PoolError) {
            var extents = try attachment.accept(grant)
            guard case .reserve(let wanted, _)? = pending[id]?.body, let byteCount = Int(exactly: wanted) else {
                return attachment.cache.add(extents)
            }
            // Nothing granted: by the socket, into memory of the owner's.
            if grant.isEmpty, byteCount <= Limits.socketPutBytes, let slot = WriteSlot(buffering: byteCount, for: attachment) {
                return end(id, .slot(slot))
            }
            guard let first = extents.popLast(), let slot = WriteSlot(first, byteCount: byteCount, of: attachment) else {
                throw PoolError.damaged("no extent of \(byteCount) bytes in a span of this process is among \(grant.extents.count)")
            }
            attachment.cache.add(extents)
            end(id, .slot(slot))
        } catch {
            end(id, .failed(Self.unusable(error)))
        }
    }

    private static func unusable(_ error: PoolError) -> FluxonError {
        guard case .system = error else { return FluxonError(.protocolViolation, "use the memory that the owner granted", cause: error) }
        return FluxonError(
            .system,
            "this process cannot map the memory that the owner granted for writing; raise its limits (ulimit -v, vm.max_map_count)",
            cause: error)
    }

    /// Others need room: nothing that no put uses is kept.
    private func recall(_ spans: [LocalExtent]) {
        guard let attachment, let arena = attachment.arena else { return }
        attachment.habit.beginAgain()
        let unused = attachment.cache.takeAll().map { LocalExtent(offset: $0.offset, capacity: $0.capacity) }
        if !unused.isEmpty { send(LocalRequest(id: 0, body: .giveBack(unused))) }
        // What cannot be unmapped is not confirmed, and stays this process's (F1).
        let unmapped = spans.filter { (try? arena.unmap(PoolSpan(offset: $0.offset, byteCount: $0.capacity))) != nil }
        // Also when there is nothing: who does not answer is taken for one that cannot.
        if !unmapped.isEmpty || unused.isEmpty { send(LocalRequest(id: 0, body: .unmapped(unmapped))) }
    }

    // MARK: Values

    /// P7: pin, look again, confirm. Where no pin is to be had the value is copied instead; never an unpinned view.
    private func take(_ handover: LocalAnswer.Handover, _ id: UInt64) {
        guard let call = pending[id], let view = attachment?.view, let index = UInt32(exactly: handover.entry) else {
            return send(LocalRequest(id: id, body: .confirm(pinned: false, pinWords: pinWords)))
        }
        let read = view.take(EntryReference(index: index, generation: handover.entryGeneration), epoch: handover.epoch)
        if case .hit(let pin) = consume read {
            let value = Value(pin)
            send(LocalRequest(id: id, body: .confirm(pinned: true, pinWords: 0)))
            return end(id, .value(value))
        }
        send(LocalRequest(id: id, body: .confirm(pinned: false, pinWords: pinWords)))
        guard case .get(var get) = call.body else { return }
        // The owner grants more pin words with its answer; one who fails again takes a copy.
        call.failedPins += 1
        get.isCopied = call.failedPins > 1
        call.body = .get(get)
        send(LocalRequest(id: id, timeoutMicroseconds: timeout(of: call), body: call.body))
    }

    private func append(_ part: LocalAnswer.Part, _ id: UInt64) {
        guard let call = pending[id] else { return }
        if call.copied == nil {
            guard let byteCount = Int(exactly: part.length), let copied = CopiedBytes(byteCount: byteCount, version: part.version) else {
                return end(id, .failed(FluxonError(.system, "this process has no memory for a value of \(part.length) bytes")))
            }
            call.copied = copied
        }
        guard let copied = call.copied, copied.append(part) else {
            return end(id, .failed(FluxonError(.protocolViolation, "a piece of a value arrived out of order")))
        }
        if copied.isComplete { end(id, .value(Value(copied))) }
    }
}
