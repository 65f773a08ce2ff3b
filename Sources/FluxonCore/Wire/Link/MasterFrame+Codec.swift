extension LinkFrame where Message == MasterMessage, Control == MasterControl {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter(reservingCapacity: 32 + messages.count * 64)
        writer.unsigned(term, field: 1)
        writer.unsigned(session, field: 2)
        writer.unsigned(first, field: 3)
        writer.unsigned(acknowledged, field: 4)
        switch control {
        case .welcome(let welcome): writer.welcome(welcome, field: 5)
        case .refused(let refusal):
            writer.message(field: 6) { writer in
                writer.unsigned(refusal.reason.rawValue, field: 1)
                writer.string(refusal.message, limit: Limits.refusalBytes, field: 2)
            }
        case .grant(let grant):
            writer.message(field: 7) { writer in
                writer.fixed64(grant.sentAt.nanoseconds, field: 1)
                writer.unsigned(UInt64(clamping: grant.length.clampedNanoseconds), field: 2)
                writer.unsigned(grant.barrier, field: 3)
            }
        case nil: break
        }
        if let mark { writer.mark(mark, field: 9) }
        for message in messages { writer.message(field: 8) { $0.masterMessage(message) } }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ProtobufError) {
        self.init(term: 0, session: 0)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: term = try reader.unsigned()
            case 2: session = try reader.unsigned()
            case 3: first = try reader.unsigned()
            case 4: acknowledged = try reader.unsigned()
            case 5: control = .welcome(try reader.welcome())
            case 6: control = .refused(try reader.refusal())
            case 7: control = .grant(try reader.grant())
            case 8:
                guard messages.count < Limits.linkFrameMessages else { throw .tooMany(field: 8, limit: Limits.linkFrameMessages) }
                messages.append(try reader.masterMessage())
            case 9: mark = try reader.mark()
            default: try reader.skip()
            }
        }
        guard UInt64.max - first >= UInt64(messages.count) else { throw .invalidField(3) }
    }
}

extension ProtobufWriter {
    fileprivate mutating func welcome(_ welcome: LinkWelcome, field: Int) {
        message(field: field) { writer in
            writer.unsigned(welcome.owner.number, field: 1)
            writer.unsigned(welcome.generation.number, field: 2)
            writer.boolean(welcome.isResumed, field: 3)
            writer.unsigned(welcome.received, field: 4)
            writer.boolean(welcome.keepsNothing, field: 5)
            writer.boolean(welcome.choosesRelays, field: 20)
        }
    }

    fileprivate mutating func masterMessage(_ message: MasterMessage) {
        switch message {
        case .done(let operation, let outcome, let publishes, let isExposed):
            self.message(field: 1) { writer in
                writer.unsigned(operation, field: 1)
                switch outcome {
                case .committed(let version):
                    writer.unsigned(1 as UInt64, field: 2)
                    writer.version(version, field: 3)
                case .conditionFailed(let version):
                    writer.unsigned(2 as UInt64, field: 2)
                    if let version { writer.version(version, field: 3) }
                case .unknown: writer.unsigned(3 as UInt64, field: 2)
                }
                writer.boolean(publishes, field: 4)
                writer.boolean(isExposed, field: 5)
            }
        case .invalidate(let invalidation):
            self.message(field: 2) { writer in
                writer.unsigned(invalidation.number, field: 1)
                writer.bytes(invalidation.key.bytes, field: 2)
                if let cause = invalidation.cause { writer.reference(cause, field: 3) }
                writer.version(invalidation.upTo, field: 4)
            }
        case .settled(let numbers):
            self.message(field: 3) { writer in
                writer.unsigned(numbers.lowerBound, field: 1)
                writer.unsigned(numbers.upperBound, field: 2)
            }
        case .restore(let key, let version):
            self.message(field: 4) { writer in
                writer.version(version, field: 1)
                writer.bytes(key.bytes, field: 2)
            }
        case .found(let answer): self.message(field: 5) { $0.answer(answer) }
        }
    }

    private mutating func answer(_ answer: LookupAnswer) {
        unsigned(answer.lookup, field: 1)
        switch answer.content {
        case .absent: break
        case .metadata(let version, let byteCount):
            self.version(version, field: 2)
            unsigned(byteCount, field: 3)
        case .copy(let copy):
            version(copy.version, field: 2)
            unsigned(copy.byteCount, field: 3)
            boolean(true, field: 4)
            boolean(copy.isRegistered, field: 5)
            packed(copy.holders.map { UInt64($0.number) }, limit: Limits.answeredHolders, field: 6)
            guard !copy.relays.isEmpty else { break }
            packed(copy.holders.map { UInt64(copy.relays[$0]?.number ?? 0) }, limit: Limits.answeredHolders, field: 20)
        }
    }
}

extension ProtobufReader {
    fileprivate mutating func welcome() throws(ProtobufError) -> LinkWelcome {
        var nested = try message()
        var welcome = LinkWelcome(owner: OwnerID(0), generation: Generation(0), isResumed: false, received: 0, keepsNothing: false)
        while let field = try nested.next() {
            switch field {
            case 1: welcome.owner = OwnerID(try nested.unsigned32())
            case 2: welcome.generation = Generation(try nested.unsigned())
            case 3: welcome.isResumed = try nested.boolean()
            case 4: welcome.received = try nested.unsigned()
            case 5: welcome.keepsNothing = try nested.boolean()
            case 20: welcome.choosesRelays = try nested.boolean()
            default: try nested.skip()
            }
        }
        return welcome
    }

    fileprivate mutating func refusal() throws(ProtobufError) -> LinkRefusal {
        var nested = try message()
        var reason = LinkRefusal.Reason.protocolViolation
        var text = ""
        while let field = try nested.next() {
            switch field {
            case 1: reason = LinkRefusal.Reason(rawValue: try nested.unsigned()) ?? .protocolViolation
            case 2: text = try nested.string(limit: Limits.refusalBytes)
            default: try nested.skip()
            }
        }
        return LinkRefusal(reason, text)
    }

    fileprivate mutating func grant() throws(ProtobufError) -> LinkGrant {
        var nested = try message()
        var sentAt: UInt64 = 0
        var length: UInt64 = 0
        var barrier: UInt64 = 0
        while let field = try nested.next() {
            switch field {
            case 1: sentAt = try nested.fixed64()
            case 2: length = try nested.unsigned()
            case 3: barrier = try nested.unsigned()
            default: try nested.skip()
            }
        }
        return LinkGrant(sentAt: BootInstant(nanoseconds: sentAt), length: .nanoseconds(Int64(clamping: length)), barrier: barrier)
    }

    fileprivate mutating func masterMessage() throws(ProtobufError) -> MasterMessage {
        var nested = try message()
        var message: MasterMessage?
        while let field = try nested.next() {
            switch field {
            case 1: message = try nested.done()
            case 2: message = .invalidate(try nested.invalidation())
            case 3: message = try nested.settled()
            case 4: message = try nested.restore()
            case 5: message = .found(try nested.answer())
            default: try nested.skip()
            }
        }
        guard let message else { throw .invalidField(8) }
        return message
    }

    private mutating func done() throws(ProtobufError) -> MasterMessage {
        var nested = try message()
        var operation: UInt64 = 0
        var kind: UInt64 = 0
        var version: Version?
        var publishes = false
        var isExposed = false
        while let field = try nested.next() {
            switch field {
            case 1: operation = try nested.unsigned()
            case 2: kind = try nested.unsigned()
            case 3: version = try nested.version()
            case 4: publishes = try nested.boolean()
            case 5: isExposed = try nested.boolean()
            default: try nested.skip()
            }
        }
        let outcome: CommitOutcome
        switch (kind, version) {
        case (1, let version?): outcome = .committed(version)
        case (2, _): outcome = .conditionFailed(version)
        case (3, _): outcome = .unknown
        default: throw .invalidField(2)
        }
        return .done(operation: operation, outcome, publishes: publishes, isExposed: isExposed)
    }

    private mutating func invalidation() throws(ProtobufError) -> Invalidation {
        var nested = try message()
        var number: UInt64 = 0
        var key: Key?
        var upTo: Version?
        var cause: OperationReference?
        while let field = try nested.next() {
            switch field {
            case 1: number = try nested.unsigned()
            case 2: key = try nested.key()
            case 3: cause = try nested.reference()
            case 4: upTo = try nested.version()
            default: try nested.skip()
            }
        }
        guard let key else { throw .invalidField(2) }
        // A master of before this field means every copy.
        return Invalidation(number: number, key: key, upTo: upTo ?? Version(term: .max, sequence: .max), cause: cause)
    }

    private mutating func settled() throws(ProtobufError) -> MasterMessage {
        var nested = try message()
        var lower: UInt64 = 0
        var upper: UInt64 = 0
        while let field = try nested.next() {
            switch field {
            case 1: lower = try nested.unsigned()
            case 2: upper = try nested.unsigned()
            default: try nested.skip()
            }
        }
        guard lower <= upper else { throw .invalidField(2) }
        return .settled(lower...upper)
    }

    private mutating func restore() throws(ProtobufError) -> MasterMessage {
        let (key, version) = try keyAndVersion()
        return .restore(key, version)
    }

    private mutating func answer() throws(ProtobufError) -> LookupAnswer {
        var nested = try message()
        var lookup: UInt64 = 0
        var version: Version?
        var byteCount: UInt64 = 0
        var isCopy = false
        var isRegistered = false
        var holders: [UInt64] = []
        var relays: [UInt64] = []
        while let field = try nested.next() {
            switch field {
            case 1: lookup = try nested.unsigned()
            case 2: version = try nested.version()
            case 3: byteCount = try nested.unsigned()
            case 4: isCopy = try nested.boolean()
            case 5: isRegistered = try nested.boolean()
            case 6: try nested.appendPacked(to: &holders, limit: Limits.answeredHolders)
            case 20: try nested.appendPacked(to: &relays, limit: Limits.answeredHolders)
            default: try nested.skip()
            }
        }
        guard let version else { return LookupAnswer(lookup: lookup, content: .absent) }
        guard isCopy else { return LookupAnswer(lookup: lookup, content: .metadata(version, byteCount: byteCount)) }
        let owners = try Self.owners(holders)
        var relayOf: [OwnerID: OwnerID] = [:]
        for (holder, relay) in zip(owners, try Self.owners(relays)) where relay.number != 0 { relayOf[holder] = relay }
        let copy = FoundCopy(version: version, byteCount: byteCount, holders: owners, isRegistered: isRegistered, relays: relayOf)
        return LookupAnswer(lookup: lookup, content: .copy(copy))
    }
}
