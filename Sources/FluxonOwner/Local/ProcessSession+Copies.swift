import FluxonCore
import FluxonPool
import FluxonRPC

/// A value on its way to a process that maps nothing. Its entry is held till the last byte is handed to the connection.
struct CopiedValue {
    let request: UInt64
    let entry: EntryReference
    let extent: Extent
    let length: UInt64
    let version: Version
    var offset: UInt64 = 0
}

/// A value that a process without a mapping sends piece by piece. Its extent is the owner's.
struct Upload {
    let extent: Extent
    let key: Key
    let length: UInt64
    let condition: CommitCondition
    var received: UInt64 = 0
}

extension ProcessSession {
    func startCopy(_ copy: Copy, _ request: UInt64) {
        guard copies.count < Limits.localCopies else {
            pool.unhold(copy.entry)
            return send(request, FluxonError(.unavailable, "\(copies.count) values are being copied to this process, the limit"))
        }
        copies.append(
            CopiedValue(request: request, entry: copy.entry, extent: copy.extent, length: copy.length, version: copy.version))
        sendCopies()
    }

    /// Sends parts in turn, one of each value, while the process reads them.
    func sendCopies() {
        while let channel, channel.isOpen, channel.queuedBytes < LocalChannel.copyWindow, !copies.isEmpty {
            var copy = copies.removeFirst()
            let count = min(copy.length - copy.offset, UInt64(Limits.localPartBytes))
            guard let bytes = pool.bytes(of: copy.extent), copy.offset + count <= UInt64(bytes.count) else {
                pool.unhold(copy.entry)
                send(copy.request, FluxonError(.internalError, "a held value's extent at \(copy.extent.offset) is gone"))
                continue
            }
            let range = Int(copy.offset)..<Int(copy.offset + count)
            let part = LocalAnswer.Part(
                version: copy.version, length: copy.length, offset: copy.offset,
                bytes: Array(UnsafeRawBufferPointer(rebasing: bytes[range])))
            copy.offset += count
            send(copy.request, .part(part))
            if copy.offset == copy.length { pool.unhold(copy.entry) } else { copies.append(copy) }
        }
    }

    /// - Returns: False when there is no room and the request may wait for some: when it brings the whole value.
    func receive(_ upload: LocalRequest.Upload, _ request: LocalRequest, evicts: Bool) -> Bool {
        do {
            guard var state = try uploads[upload.counter] ?? beginUpload(upload, request, evicts: evicts) else { return true }
            uploads[upload.counter] = nil
            guard upload.length == state.length, upload.offset == state.received, upload.bytes.count <= state.length - state.received,
                let target = pool.bytes(of: state.extent), upload.bytes.count <= target.count - Int(state.received)
            else {
                _ = try? pool.release(state.extent)
                throw FluxonError(.protocolViolation, "a piece of a value arrived out of order")
            }
            UnsafeMutableRawBufferPointer(rebasing: target[Int(state.received)...]).copyBytes(from: upload.bytes)
            state.received += UInt64(upload.bytes.count)
            if state.received == state.length {
                finish(state, counter: upload.counter, request)
            } else {
                uploads[upload.counter] = state
            }
        } catch let error as FluxonError {
            refuse(request, upload.counter, error)
        } catch PoolError.exhausted(let byteCount) {
            guard UInt64(upload.bytes.count) < upload.length else { return false }
            refuse(request, upload.counter, exhausted(byteCount))
        } catch {
            refuse(request, upload.counter, FluxonError(.internalError, "\(error)"))
        }
        return true
    }

    /// The first piece. Nil when it is answered already.
    private func beginUpload(_ upload: LocalRequest.Upload, _ request: LocalRequest, evicts: Bool) throws -> Upload? {
        guard upload.offset == 0 else { throw FluxonError(.protocolViolation, "a value's first piece begins at \(upload.offset)") }
        guard uploads.count < Limits.localCopies else {
            throw FluxonError(.unavailable, "\(uploads.count) values of this process are on their way, the limit")
        }
        guard let key = checked(upload.key, of: request, counter: upload.counter) else { return nil }
        guard upload.length <= UInt64(capacityBytes) else { throw Self.tooLarge(upload.length, capacity: capacityBytes) }
        let byteCount = Int(upload.length)
        guard let extent = pool.allocate(byteCount, tenant: .owner, waits: true, evicts ? backend : nil) else {
            throw PoolError.exhausted(byteCount: byteCount)
        }
        return Upload(extent: extent, key: key, length: upload.length, condition: upload.condition)
    }

    private func finish(_ upload: Upload, counter: UInt64, _ request: LocalRequest) {
        switch ledger.submit(counter: counter, request: request.id, extent: nil, length: upload.length) {
        case .proceed:
            let put = LocalCommit.Operation.put(extent: upload.extent, length: upload.length)
            return commit(counter, upload.key, put, upload.condition, deadline: deadline(of: request), refill: nil)
        case .repeated(let result): send(request.id, .outcome(.init(counter: counter, result: result)))
        case .joined: break
        case .refused(let code, let message): refuse(request, counter, FluxonError(code, message))
        }
        _ = try? pool.release(upload.extent)
    }

    func dropUploads() {
        for upload in uploads.values { _ = try? pool.release(upload.extent) }
        uploads = [:]
    }
}
