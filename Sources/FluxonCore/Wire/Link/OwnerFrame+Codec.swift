extension LinkFrame where Message == OwnerMessage, Control == OwnerControl {
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter(reservingCapacity: 32 + messages.count * 64)
        writer.unsigned(term, field: 1)
        writer.unsigned(session, field: 2)
        writer.unsigned(first, field: 3)
        writer.unsigned(acknowledged, field: 4)
        switch control {
        case .hello(let hello): writer.hello(hello, field: 5)
        case .heartbeat(let sentAt): writer.message(field: 6) { $0.fixed64(sentAt.nanoseconds, field: 1) }
        case nil: break
        }
        for message in messages { writer.message(field: 8) { $0.ownerMessage(message) } }
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
            case 5: control = .hello(try reader.hello())
            case 6: control = .heartbeat(sentAt: try reader.instant())
            case 8:
                guard messages.count < Limits.linkFrameMessages else { throw .tooMany(field: 8, limit: Limits.linkFrameMessages) }
                messages.append(try reader.ownerMessage())
            default: try reader.skip()
            }
        }
        guard UInt64.max - first >= UInt64(messages.count) else { throw .invalidField(3) }
    }
}

extension ProtobufWriter {
    fileprivate mutating func hello(_ hello: LinkHello, field: Int) {
        message(field: field) { writer in
            writer.string(hello.cluster, limit: Limits.nameBytes, field: 1)
            writer.string(hello.instance.name, limit: Limits.nameBytes, field: 2)
            writer.fixed64(hello.life, field: 3)
            writer.unsigned(hello.generation.number, field: 4)
            writer.unsigned(hello.fenced.number, field: 5)
            writer.unsigned(hello.session, field: 6)
            writer.unsigned(hello.term, field: 7)
            writer.unsigned(hello.received, field: 8)
            writer.unsigned(hello.owner.number, field: 9)
            if let mark = hello.mark { writer.mark(mark, field: 10) }
            writer.boolean(hello.readsThroughRelays, field: 20)
            writer.boolean(hello.isRelay, field: 21)
            writer.string(hello.subCluster, limit: Limits.nameBytes, field: 22)
        }
    }

    fileprivate mutating func ownerMessage(_ message: OwnerMessage) {
        switch message {
        case .commit(let commit): self.commit(commit, field: 1)
        case .taken(let operation): chosen(operation, field: 2)
        case .confirm(let number): chosen(number, field: 3)
        case .lookup(let lookup):
            self.message(field: 4) { writer in
                writer.unsigned(lookup.lookup, field: 1)
                writer.bytes(lookup.key.bytes, field: 2)
                writer.boolean(lookup.wants == .metadata, field: 3)
            }
        case .drop(let key, let version):
            self.message(field: 5) { writer in
                writer.version(version, field: 1)
                writer.bytes(key.bytes, field: 2)
            }
        case .report(let page):
            self.message(field: 6) { writer in
                for entry in page.entries { writer.message(field: 1) { $0.reportEntry(entry) } }
                for commit in page.pending { writer.commit(commit, field: 2) }
                writer.boolean(page.isLast, field: 3)
            }
        case .unreachable(let owners):
            self.message(field: 20) { $0.packed(owners.map { UInt64($0.number) }, limit: Limits.owners, field: 1) }
        }
    }

    private mutating func reportEntry(_ entry: ReportEntry) {
        version(entry.version, field: 1)
        bytes(entry.key.bytes, field: 2)
        unsigned(entry.byteCount, field: 3)
        if let cause = entry.parkedBy { reference(cause, field: 4) }
    }
}

extension ProtobufReader {
    mutating func instant() throws(ProtobufError) -> BootInstant {
        var nested = try message()
        var nanoseconds: UInt64 = 0
        while let field = try nested.next() {
            switch field {
            case 1: nanoseconds = try nested.fixed64()
            default: try nested.skip()
            }
        }
        return BootInstant(nanoseconds: nanoseconds)
    }

    fileprivate mutating func hello() throws(ProtobufError) -> LinkHello {
        var nested = try message()
        var hello = LinkHello(cluster: "", instance: InstanceKey(""), life: 0)
        while let field = try nested.next() {
            switch field {
            case 1: hello.cluster = try nested.string(limit: Limits.nameBytes)
            case 2: hello.instance = InstanceKey(try nested.string(limit: Limits.nameBytes))
            case 3: hello.life = try nested.fixed64()
            case 4: hello.generation = Generation(try nested.unsigned())
            case 5: hello.fenced = Generation(try nested.unsigned())
            case 6: hello.session = try nested.unsigned()
            case 7: hello.term = try nested.unsigned()
            case 8: hello.received = try nested.unsigned()
            case 9: hello.owner = OwnerID(try nested.unsigned32())
            case 10: hello.mark = try nested.mark()
            case 20: hello.readsThroughRelays = try nested.boolean()
            case 21: hello.isRelay = try nested.boolean()
            case 22: hello.subCluster = try nested.string(limit: Limits.nameBytes)
            default: try nested.skip()
            }
        }
        guard !hello.instance.name.isEmpty else { throw .invalidField(2) }
        return hello
    }

    fileprivate mutating func ownerMessage() throws(ProtobufError) -> OwnerMessage {
        var nested = try message()
        var message: OwnerMessage?
        while let field = try nested.next() {
            switch field {
            case 1: message = .commit(try nested.commit())
            case 2: message = .taken(operation: try nested.unsigned())
            case 3: message = .confirm(upTo: try nested.unsigned())
            case 4: message = .lookup(try nested.lookup())
            case 5: message = try nested.drop()
            case 6: message = .report(try nested.reportPage())
            case 20: message = try nested.unreachable()
            default: try nested.skip()
            }
        }
        // A message that this version does not know keeps its number but cannot be obeyed: the session must not go on as if it were.
        guard let message else { throw .invalidField(8) }
        return message
    }

    private mutating func lookup() throws(ProtobufError) -> LinkLookup {
        var nested = try message()
        var number: UInt64 = 0
        var key: Key?
        var wants = LinkLookup.Wants.copy
        while let field = try nested.next() {
            switch field {
            case 1: number = try nested.unsigned()
            case 2: key = try nested.key()
            case 3: wants = try nested.boolean() ? .metadata : .copy
            default: try nested.skip()
            }
        }
        guard let key else { throw .invalidField(2) }
        return LinkLookup(lookup: number, key: key, wants: wants)
    }

    private mutating func drop() throws(ProtobufError) -> OwnerMessage {
        let (key, version) = try keyAndVersion()
        return .drop(key, version)
    }

    private mutating func unreachable() throws(ProtobufError) -> OwnerMessage {
        var nested = try message()
        var numbers: [UInt64] = []
        while let field = try nested.next() {
            switch field {
            case 1: try nested.appendPacked(to: &numbers, limit: Limits.owners)
            default: try nested.skip()
            }
        }
        return .unreachable(try Self.owners(numbers))
    }

    private mutating func reportPage() throws(ProtobufError) -> ReportPage {
        var nested = try message()
        var entries: [ReportEntry] = []
        var pending: [LinkCommit] = []
        var isLast = false
        let limit = Limits.reportPageEntries
        while let field = try nested.next() {
            switch field {
            case 1:
                guard entries.count < limit else { throw .tooMany(field: 1, limit: limit) }
                entries.append(try nested.reportEntry())
            case 2:
                guard pending.count < limit else { throw .tooMany(field: 2, limit: limit) }
                pending.append(try nested.commit())
            case 3: isLast = try nested.boolean()
            default: try nested.skip()
            }
        }
        return ReportPage(entries: entries, pending: pending, isLast: isLast)
    }

    private mutating func reportEntry() throws(ProtobufError) -> ReportEntry {
        var nested = try message()
        var version: Version?
        var key: Key?
        var byteCount: UInt64 = 0
        var cause: OperationReference?
        while let field = try nested.next() {
            switch field {
            case 1: version = try nested.version()
            case 2: key = try nested.key()
            case 3: byteCount = try nested.unsigned()
            case 4: cause = try nested.reference()
            default: try nested.skip()
            }
        }
        guard let key, let version else { throw .invalidField(2) }
        return ReportEntry(key: key, version: version, byteCount: byteCount, parkedBy: cause)
    }
}
