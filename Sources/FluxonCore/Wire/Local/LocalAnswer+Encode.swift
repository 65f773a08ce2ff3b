extension LocalAnswer {
    /// Appends this answer to a frame that is being written.
    package func encode(into writer: inout ProtobufWriter) {
        writer.message(field: 1) { writer in
            writer.unsigned(id, field: 1)
            encodeBody(into: &writer)
        }
    }

    private func encodeBody(into writer: inout ProtobufWriter) {
        switch body {
        case .granted(let grant): writer.message(field: 2) { grant.encode(into: &$0) }
        case .outcome(let outcome): writer.message(field: 3) { outcome.encode(into: &$0) }
        case .handover(let handover): writer.message(field: 4) { handover.encode(into: &$0) }
        case .part(let part): writer.message(field: 5) { part.encode(into: &$0) }
        case .absent: writer.message(field: 6) { _ in }
        case .described(let length, let version):
            writer.message(field: 7) { writer in
                writer.unsigned(length, field: 1)
                writer.version(version, field: 2)
            }
        case .failed(let code, let message): writer.failure(code, message, field: 8)
        case .recall(let spans): writer.extents(spans, field: 9)
        case .pinWords(let count): writer.chosen(count, field: 10)
        }
    }
}

extension ProtobufWriter {
    fileprivate mutating func failure(_ code: UInt16, _ text: String, field: Int) {
        message(field: field) { writer in
            writer.unsigned(UInt64(code), field: 1)
            writer.string(text, limit: Limits.messageTextBytes, field: 2)
        }
    }
}

extension LocalAnswer.Grant {
    fileprivate func encode(into writer: inout ProtobufWriter) {
        for extent in extents { writer.extent(extent, field: 1) }
        for span in spans { writer.extent(span, field: 2) }
    }
}

extension LocalAnswer.Outcome {
    fileprivate func encode(into writer: inout ProtobufWriter) {
        writer.unsigned(counter, field: 1)
        if !refill.isEmpty { writer.message(field: 2) { refill.encode(into: &$0) } }
        switch result {
        case .committed(let version): writer.version(version, field: 3)
        case .conditionFailed(let version):
            writer.message(field: 4) { writer in
                if let version { writer.version(version, field: 1) }
            }
        case .failed(let code, let message): writer.failure(code, message, field: 5)
        }
    }
}

extension LocalAnswer.Handover {
    fileprivate func encode(into writer: inout ProtobufWriter) {
        writer.unsigned(entry, field: 1)
        writer.unsigned(entryGeneration, field: 2)
        writer.unsigned(epoch, field: 3)
        writer.extent(extent, field: 4)
        writer.unsigned(length, field: 5)
        writer.version(version, field: 6)
    }
}

extension LocalAnswer.Part {
    fileprivate func encode(into writer: inout ProtobufWriter) {
        writer.version(version, field: 1)
        writer.unsigned(length, field: 2)
        writer.unsigned(offset, field: 3)
        writer.bytes(bytes, field: 4)
    }
}

extension LocalAnswerFrame {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter(reservingCapacity: 16 + answers.count * 64)
        for answer in answers { answer.encode(into: &writer) }
        return writer.bytes
    }
}
