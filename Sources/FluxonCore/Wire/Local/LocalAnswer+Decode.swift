extension LocalAnswerFrame {
    /// Reads an owner's message.
    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                guard answers.count < Limits.localFrameElements else { throw .tooMany(field: 1, limit: Limits.localFrameElements) }
                var nested = try reader.message()
                if let answer = try LocalAnswer(reading: &nested) { answers.append(answer) }
            default: try reader.skip()
            }
        }
    }
}

extension LocalAnswer {
    fileprivate init?(reading reader: inout ProtobufReader) throws(ProtobufError) {
        var id: UInt64 = 0
        var body: Body?
        while let field = try reader.next() {
            switch field {
            case 1: id = try reader.unsigned()
            case 2: body = .granted(try Grant(reading: &reader))
            case 3: body = .outcome(try Outcome(reading: &reader))
            case 4: body = .handover(try Handover(reading: &reader))
            case 5: body = .part(try Part(reading: &reader))
            case 6:
                try reader.skip()
                body = .absent
            case 7: body = try Self.described(&reader)
            case 8:
                let (code, message) = try reader.failure()
                body = .failed(code: code, message: message)
            case 9: body = .recall(try reader.extents())
            case 10: body = .pinWords(try reader.unsigned())
            default: try reader.skip()
            }
        }
        guard let body else { return nil }
        self.init(id: id, body: body)
    }

    private static func described(_ reader: inout ProtobufReader) throws(ProtobufError) -> Body {
        var length: UInt64 = 0
        var version = Version(term: 0, sequence: 0)
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: length = try nested.unsigned()
            case 2: version = try nested.version()
            default: try nested.skip()
            }
        }
        return .described(length: length, version: version)
    }
}

extension ProtobufReader {
    fileprivate mutating func failure() throws(ProtobufError) -> (code: UInt16, message: String) {
        var code: UInt16 = 0
        var text = ""
        var nested = try message()
        while let field = try nested.next() {
            switch field {
            case 1: code = UInt16(clamping: try nested.unsigned())
            case 2: text = try nested.string(limit: Limits.messageTextBytes)
            default: try nested.skip()
            }
        }
        // A failure without a code is still a failure.
        return (code == 0 ? FluxonError.Code.internalError.rawValue : code, text)
    }
}

extension LocalAnswer.Grant {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init()
        var nested = try reader.message()
        while let field = try nested.next() {
            guard extents.count + spans.count < Limits.localExtents else { throw .tooMany(field: field, limit: Limits.localExtents) }
            switch field {
            case 1: extents.append(try nested.extent())
            case 2: spans.append(try nested.extent())
            default: try nested.skip()
            }
        }
    }
}

extension LocalAnswer.Outcome {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        var counter: UInt64 = 0
        var refill = LocalAnswer.Grant()
        var result: Result?
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: counter = try nested.unsigned()
            case 2: refill = try LocalAnswer.Grant(reading: &nested)
            case 3: result = .committed(try nested.version())
            case 4: result = .conditionFailed(try Self.shown(&nested))
            case 5:
                let (code, message) = try nested.failure()
                result = .failed(code: code, message: message)
            default: try nested.skip()
            }
        }
        guard let result else { throw .invalidField(3) }
        self.init(counter: counter, result: result, refill: refill)
    }

    private static func shown(_ reader: inout ProtobufReader) throws(ProtobufError) -> Version? {
        var version: Version?
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: version = try nested.version()
            default: try nested.skip()
            }
        }
        return version
    }
}

extension LocalAnswer.Handover {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(
            entry: 0, entryGeneration: 0, epoch: 0, extent: LocalExtent(offset: 0, capacity: 0), length: 0,
            version: Version(term: 0, sequence: 0))
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: entry = try nested.unsigned()
            case 2: entryGeneration = try nested.unsigned()
            case 3: epoch = try nested.unsigned()
            case 4: extent = try nested.extent()
            case 5: length = try nested.unsigned()
            case 6: version = try nested.version()
            default: try nested.skip()
            }
        }
    }
}

extension LocalAnswer.Part {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(version: Version(term: 0, sequence: 0), length: 0, offset: 0, bytes: [])
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: version = try nested.version()
            case 2: length = try nested.unsigned()
            case 3: offset = try nested.unsigned()
            case 4: bytes = try nested.bytes(limit: Limits.localPartBytes)
            default: try nested.skip()
            }
        }
    }
}
