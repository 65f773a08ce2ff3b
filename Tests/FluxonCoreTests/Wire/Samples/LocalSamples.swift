import FluxonCore

extension LocalRequest {
    static let kinds = 11

    var place: Int {
        switch body {
        case .reserve: 0
        case .commit: 1
        case .remove: 2
        case .get: 3
        case .inspect: 4
        case .confirm: 5
        case .cancel: 6
        case .giveBack: 7
        case .unmapped: 8
        case .upload: 9
        case .leave: 10
        }
    }

    static func sample(_ chance: inout WireChance) -> LocalRequest {
        LocalRequest(id: chance.number(), timeoutMicroseconds: chance.number(), body: body(&chance))
    }

    private static func body(_ chance: inout WireChance) -> Body {
        switch chance.index(below: kinds) {
        case 0: .reserve(byteCount: chance.number(), count: chance.number())
        case 1:
            .commit(
                Commit(
                    counter: chance.number(), key: chance.key().bytes, extent: chance.extent(), length: chance.number(),
                    condition: chance.condition()))
        case 2: .remove(Remove(counter: chance.number(), key: chance.key().bytes, condition: chance.condition()))
        case 3: .get(Get(key: chance.key().bytes, isLocal: chance.chance(), isCopied: chance.chance()))
        case 4: .inspect(key: chance.key().bytes)
        case 5: .confirm(pinned: chance.chance(), pinWords: chance.number())
        case 6: .cancel
        case 7: .giveBack(chance.list(limit: Limits.localExtents) { $0.extent() })
        case 8: .unmapped(chance.list(limit: Limits.localExtents) { $0.extent() })
        case 9:
            .upload(
                Upload(
                    counter: chance.number(), key: chance.key().bytes, length: chance.number(), offset: chance.number(),
                    bytes: chance.bytes(chance.index(below: 20) == 0 ? Limits.localPartBytes : chance.index(below: 4)),
                    condition: chance.condition()))
        default: .leave
        }
    }
}

extension LocalAnswer {
    static let kinds = 9

    var place: Int {
        switch body {
        case .granted: 0
        case .outcome: 1
        case .handover: 2
        case .part: 3
        case .absent: 4
        case .described: 5
        case .failed: 6
        case .recall: 7
        case .pinWords: 8
        }
    }

    static func sample(_ chance: inout WireChance) -> LocalAnswer { LocalAnswer(id: chance.number(), body: body(&chance)) }

    private static func grant(_ chance: inout WireChance) -> Grant {
        Grant(
            extents: chance.list(limit: Limits.localExtents) { $0.extent() }, spans: chance.list(limit: Limits.localExtents) { $0.extent() }
        )
    }

    private static func result(_ chance: inout WireChance) -> Outcome.Result {
        switch chance.index(below: 3) {
        case 0: .committed(chance.version())
        case 1: .conditionFailed(chance.chance() ? chance.version() : nil)
        default: .failed(code: max(1, chance.number16()), message: chance.text(limit: Limits.messageTextBytes))
        }
    }

    private static func body(_ chance: inout WireChance) -> Body {
        switch chance.index(below: kinds) {
        case 0: .granted(grant(&chance))
        case 1: .outcome(Outcome(counter: chance.number(), result: result(&chance), refill: grant(&chance)))
        case 2:
            .handover(
                Handover(
                    entry: chance.number(), entryGeneration: chance.number(), epoch: chance.number(), extent: chance.extent(),
                    length: chance.number(), version: chance.version()))
        case 3:
            .part(
                Part(
                    version: chance.version(), length: chance.number(), offset: chance.number(),
                    bytes: chance.bytes(chance.index(below: 20) == 0 ? Limits.localPartBytes : chance.index(below: 4))))
        case 4: .absent
        case 5: .described(length: chance.number(), version: chance.version())
        case 6: .failed(code: max(1, chance.number16()), message: chance.text(limit: Limits.messageTextBytes))
        case 7: .recall(chance.list(limit: Limits.localExtents) { $0.extent() })
        default: .pinWords(chance.number())
        }
    }
}

extension LocalRequestFrame: WireMessage {
    /// As a sender makes them: of parts.
    static func sample(_ chance: inout WireChance) -> LocalRequestFrame {
        var requests: [LocalRequest] = []
        for request in chance.boundedList(limit: 50, least: chance.index(below: 8), { LocalRequest.sample(&$0) }) {
            request.forEachPart { requests.append($0) }
        }
        return LocalRequestFrame(received: chance.boundedList(limit: Limits.localFrameElements) { $0.number() }, requests: requests)
    }
}

extension LocalAnswerFrame: WireMessage {
    static func sample(_ chance: inout WireChance) -> LocalAnswerFrame {
        var answers: [LocalAnswer] = []
        for answer in chance.boundedList(limit: 50, least: chance.index(below: 8), { LocalAnswer.sample(&$0) }) {
            answer.forEachPart { answers.append($0) }
        }
        return LocalAnswerFrame(answers: answers)
    }
}

extension AttachRequest: WireMessage {
    static func sample(_ chance: inout WireChance) -> AttachRequest {
        AttachRequest(
            version: chance.number32(), wishes: Wishes(rawValue: chance.number32()), resumedSession: chance.number(),
            resumedGeneration: chance.number(), clusterName: chance.text(limit: Limits.nameBytes),
            processName: chance.text(limit: Limits.nameBytes))
    }
}

extension AttachAnswer: WireMessage {
    static func sample(_ chance: inout WireChance) -> AttachAnswer {
        var answer = AttachAnswer()
        (answer.version, answer.code, answer.grants) = (chance.number32(), chance.number16(), Grants(rawValue: chance.number32()))
        (answer.descriptorCount, answer.session, answer.generation) = (chance.number32(), chance.number(), chance.number())
        (answer.epoch, answer.clock) = (chance.number(), BootInstant(nanoseconds: chance.number()))
        (answer.poolByteCount, answer.pinWords) = (chance.number(), chance.number())
        (answer.clusterName, answer.ownerName) = (chance.text(limit: Limits.nameBytes), chance.text(limit: Limits.nameBytes))
        answer.message = chance.text(limit: messageBytes)
        return answer
    }
}
