import FluxonCore
import FluxonSystem
import Testing

@testable import FluxonTransfer

/// An asker over RDMA that says whatever a test wants. On the loop only.
final class RawVerbsAsker: QueuePairUser {
    private let id: ConnectionID
    private let rail: RDMARail
    private var pair: QueuePair?
    private var isConnected: ((Result<Void, SystemError>) -> Void)?
    /// Messages that came, and whether the queue pair still works.
    private(set) var messages: [[UInt8]] = []
    private(set) var isBroken = false

    init(rail: RDMARail, channel: ConnectionChannel) throws {
        self.rail = rail
        id = try ConnectionID(channel)
    }

    func connect(to address: String, _ completion: @escaping (Result<Void, SystemError>) -> Void) throws {
        isConnected = completion
        let target = try #require(try ResolvedAddress.resolveWithoutNames(try SocketAddress(parsing: address))?.first)
        id.onEvent { [weak self] event in self?.happened(event) }
        try id.resolve(from: rail.address, to: target, patience: .seconds(5))
    }

    private func happened(_ event: ConnectionEvent) {
        do throws(SystemError) {
            switch event {
            case .addressResolved: try id.resolveRoute(acknowledgementExponent: 14, patience: .seconds(5))
            case .routeResolved:
                let pair = try QueuePair(
                    id, rail: rail, sizes: QueuePair.Sizes(sends: 64, receives: 16, sentBytes: 576, receivedBytes: 8192))
                pair.user = self
                self.pair = pair
                try id.connect(reads: 4, retries: 6)
            case .established: report(.success(()))
            case .failed(let why): report(.failure(SystemError("connect (\(why))", errno: 0)))
            case .disconnected: isBroken = true
            case .requested, .deviceRemoved: break
            }
        } catch {
            report(.failure(error))
        }
    }

    private func report(_ result: Result<Void, SystemError>) {
        isConnected?(result)
        isConnected = nil
    }

    func send(_ message: [UInt8]) throws {
        try #require(pair).send { output in
            for byte in message { output.append(byte) }
        }
    }

    /// As a machine that lost its power: what is sent to it is never acknowledged.
    func fallSilent() {
        pair?.user = nil
        pair?.fail()
    }

    func close() {
        guard let pair else { return id.destroy() }
        rail.bury(pair, id) {}
    }

    func received(_ message: UnsafeRawBufferPointer) { messages.append(Array(message)) }
    func readEnded(_ failure: QueuePair.Failure?) {}
    func sent(receipt: UInt64, _ failure: QueuePair.Failure?) {}
    func failed(_ failure: QueuePair.Failure) { isBroken = true }
}
