internal import FluxonCore
internal import Glibc

/// One attempt to connect: resolves the name, tries the addresses one after the other. On its loop only.
package final class ConnectionAttempt: @unchecked Sendable {
    // SAFETY: the resolver calls back on the loop; nothing else leaves it.
    private let loop: EventLoop
    private let target: SocketAddress
    private var candidates: [ResolvedAddress] = []
    private var descriptor: Descriptor?
    private var registration: Registration?
    private var timer: LoopTimer?
    private var lastError: SystemError?
    private var onEnd: ((Result<CInt, SystemError>) -> Void)?

    private let timeLimit: Duration
    private let resolve: Resolver

    /// Calls back on the loop, with the addresses in the order in which they are to be tried.
    package typealias Resolver =
        (SocketAddress, EventLoop, @escaping @Sendable (Result<[ResolvedAddress], SystemError>) -> Void) -> Void

    /// - Parameter timeLimit: For one address.
    package init(
        loop: EventLoop, target: SocketAddress, timeLimit: Duration, resolve: @escaping Resolver = AddressResolver.resolve(_:on:_:)
    ) {
        self.loop = loop
        self.target = target
        self.timeLimit = timeLimit
        self.resolve = resolve
    }

    /// `onEnd` comes once, on the loop, never within this call, with an open descriptor that the caller owns.
    package func start(_ onEnd: @escaping (Result<CInt, SystemError>) -> Void) {
        self.onEnd = onEnd
        loop.inNextTick { [self] in
            resolve(target, loop) { [self] result in
                switch result {
                case .success(let addresses):
                    candidates = addresses.reversed()
                    tryNext()
                case .failure(let error): end(.failure(error))
                }
            }
        }
    }

    /// `onEnd` will not come.
    package func cancel() {
        onEnd = nil
        cleanUp()
        descriptor = nil
    }

    private func tryNext() {
        guard onEnd != nil else { return }
        guard let candidate = candidates.popLast() else {
            return end(.failure(lastError ?? SystemError("connect to \(target)", errno: 0, advice: "the name has no address")))
        }
        do throws(SystemError) {
            let (number, isInProgress) = try Socket.connect(to: candidate)
            descriptor = Descriptor(owning: number)
            guard isInProgress else { return succeed() }
            registration = try loop.register(number, .writable) { [weak self] _ in self?.decide() }
            timer = loop.schedule(after: timeLimit) { [weak self, timeLimit] in
                self?.fail(SystemError("connect to \(candidate)", errno: ETIMEDOUT, advice: "it did not answer within \(timeLimit)"))
            }
        } catch {
            fail(error)
        }
    }

    private func decide() {
        guard let number = descriptor?.number else { return }
        if let error = Socket.pendingError(number, address: target) { fail(error) } else { succeed() }
    }

    private func succeed() {
        cleanUp()
        let number = descriptor.take()?.release() ?? -1
        end(.success(number))
    }

    private func fail(_ error: SystemError) {
        cleanUp()
        descriptor = nil
        lastError = error
        tryNext()
    }

    private func cleanUp() {
        registration?.cancel()
        registration = nil
        timer?.cancel()
        timer = nil
    }

    private func end(_ result: Result<CInt, SystemError>) {
        let onEnd = onEnd
        self.onEnd = nil
        onEnd?(result)
    }
}
