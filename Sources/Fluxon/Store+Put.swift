public import FluxonCore
internal import FluxonPool
internal import FluxonSystem

extension Store {
    /// Puts a copy of `bytes` under `key`; the earlier value, if any, is replaced when this returns.
    ///
    /// - Parameter timeout: how long to wait for the outcome. Default: the store's.
    /// - Returns: the version that the value got.
    /// - Throws: `.poolExhausted`, `.valueTooLarge`, `.conditionFailed`, `.unknownOutcome` when it was sent and no answer came (nothing
    ///   retries it by itself), `.deadlineExceeded`, `.connectionFailed`, `.cancelled` when it was not, `.invalidArgument`, `.closed`.
    @discardableResult
    public nonisolated(nonsending) func put(
        _ key: some StoreKey, _ bytes: RawSpan, if condition: Condition = .none, timeout: Duration? = nil
    ) async throws(FluxonError) -> Value.Version {
        let name = try checkedKey(key)
        let deadline = deadline(timeout)
        do throws(FluxonError) {
            let slot = try await core.reserve(bytes.byteCount, deadline: deadline)
            bytes.withUnsafeBytes { slot.copy(from: $0) }
            return try await core.commit(slot, key: name, condition, deadline: deadline)
        } catch {
            throw failure("put", name, error)
        }
    }

    @discardableResult
    public nonisolated(nonsending) func put(
        _ key: some StoreKey, _ bytes: [UInt8], if condition: Condition = .none, timeout: Duration? = nil
    ) async throws(FluxonError) -> Value.Version {
        try await put(key, bytes.span.bytes, if: condition, timeout: timeout)
    }

    /// Puts the UTF-8 of `text`.
    @discardableResult
    public nonisolated(nonsending) func put(
        _ key: some StoreKey, _ text: String, if condition: Condition = .none, timeout: Duration? = nil
    ) async throws(FluxonError) -> Value.Version {
        try await put(key, text.utf8.span.bytes, if: condition, timeout: timeout)
    }

    /// Puts a copy of `bytes`, which must stay valid until this returns.
    @discardableResult
    public nonisolated(nonsending) func put(
        _ key: some StoreKey, _ bytes: UnsafeRawBufferPointer, if condition: Condition = .none, timeout: Duration? = nil
    ) async throws(FluxonError) -> Value.Version {
        try await put(key, bytes.bytes, if: condition, timeout: timeout)
    }

    /// Puts a value of `count` bytes that `fill` writes where it will lie: without any copy, but for a process's first few small values
    /// and small ones while the pool is full.
    ///
    /// The memory that `fill` gets has arbitrary content, is 64-byte aligned, and is the caller's until `fill` returns.
    ///
    /// - Throws: what `fill` throws, then nothing was put; else as the other puts.
    @discardableResult
    public nonisolated(nonsending) func put(
        _ key: some StoreKey, count: Int, if condition: Condition = .none, timeout: Duration? = nil,
        _ fill: (inout MutableRawSpan) throws -> Void
    ) async throws -> Value.Version {
        let name = try checkedKey(key)
        guard count >= 0 else { throw FluxonError(.invalidArgument, "a value has 0 bytes or more, not \(count)") }
        let deadline = deadline(timeout)
        let slot: WriteSlot
        do throws(FluxonError) { slot = try await core.reserve(count, deadline: deadline) } catch { throw failure("put", name, error) }
        do {
            var bytes = slot.bytes.mutableBytes
            try fill(&bytes)
        } catch {
            core.giveBack(slot)
            throw error
        }
        do throws(FluxonError) { return try await core.commit(slot, key: name, condition, deadline: deadline) } catch {
            throw failure("put", name, error)
        }
    }

    /// Takes the value under `key` away.
    ///
    /// - Returns: false when there was none.
    /// - Throws: as `put`.
    @discardableResult
    public nonisolated(nonsending) func remove(
        _ key: some StoreKey, if condition: Condition = .none, timeout: Duration? = nil
    ) async throws(FluxonError) -> Bool {
        // Without a condition of the caller's own, "is there one" is judged where it is removed, not by a look beforehand.
        let wanted = condition == .none ? .present : condition.condition
        let name = try checkedKey(key)
        let remove = LocalRequest.Remove(counter: 0, key: name, condition: wanted)
        do throws(FluxonError) {
            switch try await core.outcome(of: PendingCall(.remove(remove), deadline: deadline(timeout))) {
            case .committed: return true
            case .conditionFailed(nil) where condition == .none: return false
            case .conditionFailed(let version): throw StoreCore.conditionFailed(version)
            case .failed(let code, let message): throw FluxonError(FluxonError.Code(rawValue: code), message)
            }
        } catch {
            throw failure("remove", name, error)
        }
    }
}
