import FluxonSystem

/// Destroys what the kernel may take its time to let go of, on a thread of its own: Soft-RoCE waits for packets that a link which is down
/// never sends, and an owner whose loop waits with it is lost to its cluster.
final class VerbsReaper: Sendable {
    private let thread: EventLoop

    init() throws(SystemError) { thread = try EventLoop.started(name: "rdma-reaper") }

    /// Whatever it waits for: the thread ends when it is through.
    deinit { thread.stop() }

    /// Runs `work` there, one after the other, then `completion` on `loop`.
    func reap(then loop: EventLoop, _ work: OnLoop<() -> Void>, _ completion: OnLoop<() -> Void>) {
        thread.execute {
            work.value()
            loop.execute { completion.value() }
        }
    }
}
