extension LocalRequest {
    /// Appends this request to a frame that is being written.
    package func encode(into writer: inout ProtobufWriter) {
        writer.message(field: 2) { writer in
            writer.unsigned(id, field: 1)
            writer.unsigned(timeoutMicroseconds, field: 2)
            encodeBody(into: &writer)
        }
    }

    private func encodeBody(into writer: inout ProtobufWriter) {
        switch body {
        case .reserve(let byteCount, let count):
            writer.message(field: 3) { writer in
                writer.unsigned(byteCount, field: 1)
                writer.unsigned(count, field: 2)
            }
        case .commit(let commit): writer.message(field: 4) { commit.encode(into: &$0) }
        case .remove(let remove):
            writer.message(field: 5) { writer in
                writer.unsigned(remove.counter, field: 1)
                writer.bytes(remove.key, field: 2)
                writer.condition(remove.condition, field: 3)
            }
        case .get(let get):
            writer.message(field: 6) { writer in
                writer.bytes(get.key, field: 1)
                writer.boolean(get.isLocal, field: 2)
                writer.boolean(get.isCopied, field: 3)
            }
        case .inspect(let key): writer.message(field: 7) { $0.bytes(key, field: 1) }
        case .confirm(let pinned, let pinWords):
            writer.message(field: 8) { writer in
                writer.boolean(pinned, field: 1)
                writer.unsigned(pinWords, field: 2)
            }
        case .cancel: writer.message(field: 9) { _ in }
        case .giveBack(let extents): writer.extents(extents, field: 10)
        case .unmapped(let spans): writer.extents(spans, field: 11)
        case .upload(let upload): writer.message(field: 12) { upload.encode(into: &$0) }
        case .leave: writer.message(field: 13) { _ in }
        }
    }
}

extension LocalRequest.Commit {
    fileprivate func encode(into writer: inout ProtobufWriter) {
        writer.unsigned(counter, field: 1)
        writer.bytes(key, field: 2)
        writer.extent(extent, field: 3)
        writer.unsigned(length, field: 4)
        writer.condition(condition, field: 5)
    }
}

extension LocalRequest.Upload {
    fileprivate func encode(into writer: inout ProtobufWriter) {
        writer.unsigned(counter, field: 1)
        writer.bytes(key, field: 2)
        writer.unsigned(length, field: 3)
        writer.unsigned(offset, field: 4)
        writer.bytes(bytes, field: 5)
        writer.condition(condition, field: 6)
    }
}

extension LocalRequestFrame {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter(reservingCapacity: 64 + requests.count * 96)
        writer.packed(received, limit: Limits.localFrameElements, field: 1)
        for request in requests { request.encode(into: &writer) }
        return writer.bytes
    }
}
