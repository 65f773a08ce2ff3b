package import FluxonCore
internal import FluxonPool
package import FluxonRPC
internal import FluxonSystem
package import FluxonTransfer

/// An owner's methods for other owners and for tools (proto/fluxon/v1/control.proto). On the owner's loop only.
package final class OwnerService {
    private let driver: ReplicaDriver
    private let link: MasterLink
    private let transfer: TransferActor
    private let relay: RelayService
    private let statusSections: () -> [StatusAnswer.Section]

    package init(
        driver: ReplicaDriver, link: MasterLink, transfer: TransferActor, relay: RelayService,
        statusSections: @escaping () -> [StatusAnswer.Section]
    ) {
        self.relay = relay
        self.driver = driver
        self.link = link
        self.transfer = transfer
        self.statusSections = statusSections
    }

    /// On the owner's address and on its socket.
    package func registerControl(on server: RPCServer) {
        server.unaryLater(MethodPath.controlMembers) { [weak self] question, stream in
            self?.forward(question, stream, MethodPath.controlMembers, convert: { $0 })
        }
        server.unaryLater(MethodPath.controlStatus) { [weak self] question, stream in
            self?.forward(question, stream, MethodPath.controlStatus) { status in
                self?.ownStatus(master: self?.unansweredStatus(status)) ?? []
            } convert: { bytes in
                self?.ownStatus(master: try? StatusAnswer(decoding: bytes)) ?? bytes
            }
        }
    }

    /// On the owner's socket: externals of this machine join the cluster through their owner, and who may read its values may list them.
    package func registerExternals(on server: RPCServer) {
        server.unaryLater(MethodPath.controlKeys) { [weak self] bytes, stream in
            self?.forward(bytes, stream, MethodPath.controlKeys, convert: { $0 })
        }
        let path = MethodPath.masterPresence
        server.handle(path) { [weak self] stream in
            guard let client = self?.link.client else {
                return stream.finish(RPCStatus(.unavailable, "this owner knows no master now; start fluxon-master"))
            }
            let call = client.openWithoutDeadline(path)
            call.onMessage = { [weak stream] in stream?.send($0) }
            call.onEnd = { [weak stream] in stream?.finish($0) }
            stream.onMessage = { [weak call] in call?.send($0) }
            stream.onHalfClose = { [weak call] in call?.halfClose() }
            stream.onEnd = { _ in call.cancel() }
        }
    }

    /// On the owner's socket alone: whoever the socket's mode lets in may recover the cluster.
    package func registerRecovery(on server: RPCServer) {
        server.handle(MethodPath.controlRecover) { [weak self] stream in
            guard let client = self?.link.dial() else {
                return stream.finish(RPCStatus(.unavailable, "this owner knows no master, which recovers the cluster; start fluxon-master"))
            }
            let call = client.open(MethodPath.controlRecover, deadline: Limits.networkChangeTimeout)
            call.onMessage = { [weak stream] in stream?.send($0) }
            call.onEnd = { [weak stream] status in
                stream?.finish(status)
                client.close()
            }
            stream.onMessage = { [weak call] in call?.send($0) }
            stream.onHalfClose = { [weak call] in call?.halfClose() }
            stream.onEnd = { _ in call.cancel() }
        }
    }

    /// On the owner's address alone.
    package func registerPeers(on server: RPCServer) {
        server.unaryLater(MethodPath.ownerTicket) { [weak self] bytes, stream in
            guard let self else { return stream.finish(RPCStatus(.unavailable, "this owner is stopping")) }
            do throws(RPCError) { try ticket(bytes, stream) } catch { stream.finish(error.status) }
        }
    }

    // MARK: Tickets

    private func ticket(_ bytes: [UInt8], _ stream: RPCStream) throws(RPCError) {
        let request: TicketRequest
        do { request = try TicketRequest(decoding: bytes) } catch {
            throw RPCError(.invalidArgument, "the request for a ticket makes no sense: \(error)")
        }
        if let relayed = request.relayed { return relay.serve(request, relayed, stream) }
        let answer: TicketAnswer
        switch driver.source(request.key, request.version) {
        case .gone: answer = .gone
        case .notYet: answer = .notYet
        case .copy(let copy): answer = try issue(copy, request)
        }
        stream.send(answer.encoded())
        stream.finish(.ok)
    }

    /// The copy's reference is the ticket's until nobody can read under it any more (M6).
    private func issue(_ copy: StoredCopy<Extent>, _ request: TicketRequest) throws(RPCError) -> TicketAnswer {
        guard let bytes = driver.pool.bytes(of: copy.extent), let byteCount = Int(exactly: copy.byteCount), byteCount <= bytes.count else {
            driver.release(copy.extent)
            return .gone
        }
        let source = SourceBytes(UnsafeRawBufferPointer(rebasing: bytes.prefix(byteCount)))
        let asker = Asker(instance: request.asker, generation: request.generation)
        let driver = driver
        do {
            let release = OnLoop({ driver.release(copy.extent) })
            let (ticket, rdma) = try transfer.assumeIsolated { transfer in
                (
                    try transfer.issueTicket(to: asker, version: request.version, bytes: source, release: release.value),
                    transfer.rdmaAddresses
                )
            }
            let flags = copy.flags & ~ReplicaDriver.replicaFlag
            return .granted(ticket: ticket.bytes, length: copy.byteCount, flags: flags, rdma: rdma)
        } catch {
            driver.release(copy.extent)
            throw RPCError(.resourceExhausted, "no ticket for \(request.asker): \(error)")
        }
    }

    // MARK: Tools

    /// Asks the master for what a tool wants to know.
    ///
    /// - Parameter orElse: The answer when the master cannot be asked, for what reason; nil: its error is the answer.
    private func forward(
        _ question: [UInt8], _ stream: RPCStream, _ path: String, orElse: ((RPCStatus) -> [UInt8])? = nil,
        convert: @escaping ([UInt8]) -> [UInt8]
    ) {
        func failed(_ status: RPCStatus) {
            guard let orElse else { return stream.finish(status) }
            stream.send(orElse(status))
            stream.finish(.ok)
        }
        guard let client = link.client else {
            return failed(RPCStatus(.unavailable, "this owner knows no master (leader: \(link.leaderName)); start fluxon-master"))
        }
        let call = client.open(path, deadline: .seconds(2))
        var answer: [UInt8]?
        call.onMessage = { answer = $0 }
        call.onEnd = { [link] status in
            guard let bytes = answer.map(convert) else {
                return failed(RPCStatus(status.code, "the master at \(link.leaderName) does not answer: \(status)"))
            }
            stream.send(bytes)
            stream.finish(.ok)
        }
        stream.onEnd = { [weak call] _ in call?.cancel() }
        call.send(question)
        call.halfClose()
    }

    /// Stands where the master's own words would.
    private func unansweredStatus(_ status: RPCStatus) -> StatusAnswer {
        let title = "master \(link.hasLeader ? link.leaderName : "(none)")"
        return StatusAnswer(sections: [
            .init(title: title, figures: [.init("state", StatusSummary.unanswered), .init(StatusAnswer.problemName, status.message)])
        ])
    }

    private func ownStatus(master: StatusAnswer?) -> [UInt8] {
        StatusAnswer(sections: statusSections() + (master?.sections ?? [])).encoded()
    }
}
