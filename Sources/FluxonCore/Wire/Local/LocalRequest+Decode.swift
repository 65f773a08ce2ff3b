extension LocalRequestFrame {
    /// Reads a process's message. Nothing in it is checked beyond its shape and the limits on lengths.
    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: try reader.appendPacked(to: &received, limit: Limits.localFrameElements)
            case 2:
                guard requests.count < Limits.localFrameElements else { throw .tooMany(field: 2, limit: Limits.localFrameElements) }
                var nested = try reader.message()
                // A request of a newer process that this build does not know is answered by nobody; its caller's deadline ends it.
                if let request = try LocalRequest(reading: &nested) { requests.append(request) }
            default: try reader.skip()
            }
        }
    }
}

extension LocalRequest {
    fileprivate init?(reading reader: inout ProtobufReader) throws(ProtobufError) {
        var id: UInt64 = 0
        var timeout: UInt64 = 0
        var body: Body?
        while let field = try reader.next() {
            switch field {
            case 1: id = try reader.unsigned()
            case 2: timeout = try reader.unsigned()
            case 3: body = try Self.reserve(&reader)
            case 4: body = .commit(try Commit(reading: &reader))
            case 5: body = .remove(try Remove(reading: &reader))
            case 6: body = .get(try Get(reading: &reader))
            case 7: body = .inspect(key: try Get(reading: &reader).key)
            case 8: body = try Self.confirm(&reader)
            case 9:
                try reader.skip()
                body = .cancel
            case 10: body = .giveBack(try reader.extents())
            case 11: body = .unmapped(try reader.extents())
            case 12: body = .upload(try Upload(reading: &reader))
            case 13:
                try reader.skip()
                body = .leave
            default: try reader.skip()
            }
        }
        guard let body else { return nil }
        self.init(id: id, timeoutMicroseconds: timeout, body: body)
    }

    private static func reserve(_ reader: inout ProtobufReader) throws(ProtobufError) -> Body {
        var byteCount: UInt64 = 0
        var count: UInt64 = 0
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: byteCount = try nested.unsigned()
            case 2: count = try nested.unsigned()
            default: try nested.skip()
            }
        }
        return .reserve(byteCount: byteCount, count: count)
    }

    private static func confirm(_ reader: inout ProtobufReader) throws(ProtobufError) -> Body {
        var isPinned = false
        var pinWords: UInt64 = 0
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: isPinned = try nested.boolean()
            case 2: pinWords = try nested.unsigned()
            default: try nested.skip()
            }
        }
        return .confirm(pinned: isPinned, pinWords: pinWords)
    }
}

extension LocalRequest.Commit {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(counter: 0, key: [], extent: LocalExtent(offset: 0, capacity: 0), length: 0, condition: .none)
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: counter = try nested.unsigned()
            case 2: key = try nested.key()
            case 3: extent = try nested.extent()
            case 4: length = try nested.unsigned()
            case 5: condition = try nested.condition()
            default: try nested.skip()
            }
        }
    }
}

extension LocalRequest.Remove {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(counter: 0, key: [], condition: .none)
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: counter = try nested.unsigned()
            case 2: key = try nested.key()
            case 3: condition = try nested.condition()
            default: try nested.skip()
            }
        }
    }
}

extension LocalRequest.Get {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(key: [], isLocal: false, isCopied: false)
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: key = try nested.key()
            case 2: isLocal = try nested.boolean()
            case 3: isCopied = try nested.boolean()
            default: try nested.skip()
            }
        }
    }
}

extension LocalRequest.Upload {
    fileprivate init(reading reader: inout ProtobufReader) throws(ProtobufError) {
        self.init(counter: 0, key: [], length: 0, offset: 0, bytes: [], condition: .none)
        var nested = try reader.message()
        while let field = try nested.next() {
            switch field {
            case 1: counter = try nested.unsigned()
            case 2: key = try nested.key()
            case 3: length = try nested.unsigned()
            case 4: offset = try nested.unsigned()
            case 5: bytes = try nested.bytes(limit: Limits.localPartBytes)
            case 6: condition = try nested.condition()
            default: try nested.skip()
            }
        }
    }
}
