internal import FluxonCore
internal import FluxonSystem
internal import Glibc

/// How connections come to a server, and which one goes when there is no room.
extension RPCServer {
    func accept(from listener: RPCListener) {
        for _ in 0..<Limits.rpcTurnConnections {
            do throws(SystemError) {
                guard let descriptor = try listener.accept() else { return }
                adopt(descriptor, context: nil, tls: listener.tls)
            } catch {
                guard error.errno == EMFILE || error.errno == ENFILE else { return pauseListeners() }
                if makeRoomForDescriptor(error) { continue }
                guard listener.turnAway() else { return pauseListeners() }
            }
        }
    }

    /// No descriptor is left: the longest silent connection gives its own.
    private func makeRoomForDescriptor(_ error: SystemError) -> Bool {
        let silent = longestSilent
        incidents.noDescriptor(error, connections: connections.count, closesSilent: silent != nil, now: loop.now)
        silent?.leave(RPCError(.unavailable, "closed, since it was silent longest and descriptors are short"))
        return silent != nil
    }

    /// For one connection more. False when all have calls.
    func makeRoom() -> Bool {
        guard connections.count >= limits.connections else { return true }
        let silent = longestSilent
        incidents.noRoom(limit: limits.connections, closesSilent: silent != nil, now: loop.now)
        silent?.leave(RPCError(.unavailable, "closed, since it was silent longest and \(limits.connections) connections are open"))
        return silent != nil
    }

    /// Of the connections without calls; first those that never spoke HTTP/2. O(connections), for when there are too many.
    private var longestSilent: RPCConnection? {
        func isBefore(_ left: RPCConnection, _ right: RPCConnection) -> Bool {
            guard left.session.isReady == right.session.isReady else { return right.session.isReady }
            return left.lastRead < right.lastRead
        }
        return connections.values.lazy.filter(\.session.isIdle).min(by: isBefore)
    }

    /// Looks again in a while, since a listener that cannot be served would be reported without end.
    private func pauseListeners() {
        for listener in listeners { listener.pause() }
        _ = loop.schedule(after: .milliseconds(100)) { [weak self] in
            for listener in self?.listeners ?? [] { listener.resume() }
        }
    }
}
