import FluxonCore
import FluxonPool
import FluxonSystem

extension ProcessSession {
    func handle(_ frame: LocalRequestFrame) {
        ledger.received(frame.received)
        service?.turnBegan()
        for request in frame.requests {
            guard !isOver else { return }
            handle(request)
        }
    }

    private func handle(_ request: LocalRequest) {
        switch request.body {
        case .reserve(let byteCount, _): reserve(request, byteCount: byteCount)
        case .commit(let commit):
            submit(
                request, counter: commit.counter, key: commit.key, condition: commit.condition, extent: commit.extent, length: commit.length
            )
        case .remove(let remove):
            submit(request, counter: remove.counter, key: remove.key, condition: remove.condition, extent: nil, length: 0)
        case .get(let get): look(request, get.key, wish: .bytes, isLocal: get.isLocal, isCopied: get.isCopied || attachment == nil)
        case .inspect(let key): look(request, key, wish: .description, isLocal: false, isCopied: false)
        case .confirm(let pinned, let known):
            if let entry = ledger.confirm(request: request.id) { pool.unhold(entry) }
            if !pinned { grantPinWords(known: known) }
        case .cancel:
            if let lookup = lookups.removeValue(forKey: request.id) { backend.cancelLookup(lookup) }
        case .giveBack(let extents):
            for extent in ledger.giveBack(extents) { _ = try? pool.release(extent) }
            gaveBack()
        case .unmapped(let spans):
            for span in spans { _ = pool.confirmUnmapped(PoolSpan(offset: span.offset, byteCount: span.capacity), process: number) }
            gaveBack()
        case .upload(let upload):
            if !receive(upload, request, evicts: true) { wait(for: Int(clamping: upload.length), request) }
        case .leave: end()
        }
    }

    func deadline(of request: LocalRequest) -> BootInstant {
        loop.now.advanced(by: .microseconds(Int64(clamping: request.timeoutMicroseconds)))
    }

    // MARK: Put and remove

    private func submit(
        _ request: LocalRequest, counter: UInt64, key: [UInt8], condition: CommitCondition, extent: LocalExtent?, length: UInt64
    ) {
        guard let key = checked(key, of: request, counter: counter) else { return }
        switch ledger.submit(counter: counter, request: request.id, extent: extent, length: length) {
        case .repeated(let result): send(request.id, .outcome(.init(counter: counter, result: result)))
        case .joined: return
        case .refused(let code, let message): refuse(request, counter, FluxonError(code, message))
        case .proceed(let taken):
            let operation: LocalCommit.Operation = taken.map { .put(extent: $0, length: length) } ?? .remove
            commit(counter, key, operation, condition, deadline: deadline(of: request), refill: taken)
        }
    }

    /// - Parameter refill: the extent whose like the process gets with the outcome.
    func commit(
        _ counter: UInt64, _ key: Key, _ operation: LocalCommit.Operation, _ condition: CommitCondition, deadline: BootInstant,
        refill: Extent?
    ) {
        let token = OperationToken(process: number, counter: counter)
        let commit = LocalCommit(token: token, key: key, operation: operation, condition: condition, deadline: deadline)
        backend.commit(commit) { [weak self] result in self?.settle(counter, result, refill: refill) }
    }

    private func settle(_ counter: UInt64, _ result: LocalResult, refill: Extent?) {
        var grant = LocalAnswer.Grant()
        for request in ledger.settle(counter: counter, result) {
            if let refill, grant.isEmpty, channel != nil { grant = refillGrant(like: refill) }
            send(request, .outcome(.init(counter: counter, result: result, refill: grant)))
        }
    }

    func checked(_ key: [UInt8], of request: LocalRequest, counter: UInt64) -> Key? {
        do {
            return try Key(key)
        } catch {
            refuse(request, counter, FluxonError(.invalidArgument, "a key has 1 to \(Limits.keyBytes) bytes, this one \(key.count)"))
            return nil
        }
    }

    func refuse(_ request: LocalRequest, _ counter: UInt64, _ error: FluxonError) {
        let result = LocalResult.failed(code: error.code.rawValue, message: error.description.limited(to: Limits.messageTextBytes))
        send(request.id, .outcome(.init(counter: counter, result: result)))
    }

    // MARK: Get, exists, size

    private func look(_ request: LocalRequest, _ keyBytes: [UInt8], wish: LocalLookup.Wish, isLocal: Bool, isCopied: Bool) {
        guard let key = try? Key(keyBytes) else {
            return send(request.id, FluxonError(.invalidArgument, "a key has 1 to \(Limits.keyBytes) bytes, this one \(keyBytes.count)"))
        }
        guard lookups[request.id] == nil, lookups.count < Limits.localOperations else {
            return send(request.id, FluxonError(.unavailable, "\(lookups.count) gets of this process wait already, the limit"))
        }
        guard let number = service?.takeLookupNumber() else { return }
        lookups[request.id] = number
        let lookup = LocalLookup(number: number, key: key, wish: wish, isLocal: isLocal, deadline: deadline(of: request))
        backend.look(lookup) { self.found($0, lookup: number, request: request.id, isCopied: isCopied) }
    }

    private func found(_ finding: LocalFinding, lookup: UInt64, request: UInt64, isCopied: Bool) {
        let isWaiting = lookups[request] == lookup
        if isWaiting { lookups[request] = nil }
        switch finding {
        case .found(let copy):
            guard isWaiting, pool.hold(copy.entry) else { return }
            pass(copy, request, isCopied: isCopied)
        case .unlisted(let copy):
            guard isWaiting else { return pool.unhold(copy.entry) }
            pass(copy, request, isCopied: isCopied)
        case .described(let length, let version): if isWaiting { send(request, .described(length: length, version: version)) }
        case .absent: if isWaiting { send(request, .absent) }
        case .failed(let error): if isWaiting { send(request, error) }
        }
    }

    /// P7: the entry is held till the process confirms, or till its bytes are copied out.
    private func pass(_ copy: Copy, _ request: UInt64, isCopied: Bool) {
        guard !isCopied else { return startCopy(copy, request) }
        guard ledger.handoverCount < Limits.localHandovers else {
            pool.unhold(copy.entry)
            return send(request, FluxonError(.unavailable, "\(ledger.handoverCount) values handed over to this process wait for its word"))
        }
        if let former = ledger.handOver(request: request, copy.entry) { pool.unhold(former) }
        let extent = LocalExtent(offset: copy.extent.offset, capacity: copy.extent.capacity)
        send(
            request,
            .handover(
                .init(
                    entry: UInt64(copy.entry.index), entryGeneration: copy.entry.generation, epoch: pool.epoch, extent: extent,
                    length: copy.length, version: copy.version)))
    }
}
