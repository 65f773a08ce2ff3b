public import FluxonCore
internal import FluxonPool
internal import FluxonSystem

extension Store {
    /// The value under `key`, or nil when there is none.
    ///
    /// A value in this machine's pool is lent in place, without a copy, a message or a suspension; another is fetched by the owner.
    ///
    /// - Parameter timeout: how long to wait for the owner. Default: the store's.
    /// - Throws: `.notCurrent` when the owner lost its validity, `.unavailable` when nobody who may have the value can be reached,
    ///   `.deadlineExceeded`, `.connectionFailed`, `.cancelled`, `.invalidArgument`, `.closed`.
    public nonisolated(nonsending) func get(
        _ key: some StoreKey, consistency: Consistency = .current, timeout: Duration? = nil
    ) async throws(FluxonError) -> Value? {
        let local = core.readLocally(key, consistency)
        if case .hit(let value) = local { return value }
        return try await getFromOwner(key, consistency, after: local, deadline: deadline(timeout))
    }

    /// Whether there is a value under `key`. As current as a get.
    public nonisolated(nonsending) func exists(_ key: some StoreKey, timeout: Duration? = nil) async throws(FluxonError) -> Bool {
        try await size(key, timeout: timeout) != nil
    }

    /// Size in bytes of the value under `key`, or nil when there is none. The value is not brought to this machine.
    public nonisolated(nonsending) func size(_ key: some StoreKey, timeout: Duration? = nil) async throws(FluxonError) -> Int? {
        let local = core.readLocally(key, .current)
        if case .hit(let value) = local { return value.count }
        let name = try checkedKey(key)
        let call = PendingCall(.inspect(key: name), deadline: deadline(timeout))
        switch await core.perform(call) {
        case .described(let length): return length
        case .absent: return nil
        case .failed(let error): throw failure("look up", name, local.explains(error))
        case .value, .outcome, .slot, .stale: throw StoreCore.unexpected("size")
        }
    }

    private nonisolated(nonsending) func getFromOwner(
        _ key: some StoreKey, _ consistency: Consistency, after local: LocalAttempt, deadline: BootInstant
    ) async throws(FluxonError) -> Value? {
        let name = try checkedKey(key)
        let get = LocalRequest.Get(key: name, isLocal: consistency.isLocal, isCopied: false)
        let call = PendingCall(.get(get), deadline: deadline)
        switch await core.perform(call) {
        case .value(let value): return value
        case .absent: return nil
        case .failed(let error): throw failure("get", name, local.explains(error))
        case .described, .outcome, .slot, .stale: throw StoreCore.unexpected("get")
        }
    }

    /// An error with what was tried on which key: whoever reads it in a log knows neither.
    func failure(_ operation: String, _ key: [UInt8], _ error: FluxonError) -> FluxonError {
        FluxonError(error.code, "\(operation) \(Key.quoted(key)): \(error.message)", cause: error.cause)
    }

    func checkedKey(_ key: some StoreKey) throws(FluxonError) -> [UInt8] {
        if core.isForkedChild { throw StoreCore.forked }
        let bytes = key.withKeyBytes { Array($0) }
        guard !bytes.isEmpty, bytes.count <= Limits.keyBytes else {
            throw FluxonError(.invalidArgument, "a key has 1 to \(Limits.keyBytes) bytes, this one \(bytes.count)")
        }
        return bytes
    }
}

/// How the look into shared memory went.
enum LocalAttempt {
    case hit(Value)
    case miss
    /// The owner's validity is over.
    case notCurrent
    /// Shared memory cannot serve now: another epoch, no pin, no mapping.
    case unusable

    /// Why a get failed that waited for validity: that is what its caller must know (CONSISTENCY L4).
    func explains(_ error: FluxonError) -> FluxonError {
        guard case .notCurrent = self, error.code == .deadlineExceeded || error.code == .connectionFailed else { return error }
        let text = "the owner of this machine lost its validity (it is cut off, stopped, or has no master) and did not get it back in time"
        return FluxonError(.notCurrent, text + "; retry, or read with consistency: .local", cause: error)
    }
}
