private import CLinux
internal import Glibc

/// A thread that runs one closure.
package struct KernelThread: Sendable {
    private let identifier: pthread_t

    /// Starts a thread. `name` is cut to the kernel's 15 bytes. A detached thread must not be joined.
    @discardableResult
    package static func start(
        name: String, detached: Bool = false, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> KernelThread {
        let box = Unmanaged.passRetained(Box(name: name, body: body))
        var identifier = pthread_t()
        let result = pthread_create(
            &identifier, nil,
            { argument in
                guard let argument else { return nil }
                // SAFETY: `argument` is the box retained for this thread, taken over here exactly once.
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                cfluxon_name_thread(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            box.release()
            throw SystemError("start the thread '\(name)'", errno: result, advice: "raise the limit on threads (ulimit -u)")
        }
        let thread = KernelThread(identifier: identifier)
        if detached { thread.detach() }
        return thread
    }

    /// Waits until the thread has ended. At most once.
    package func join() { pthread_join(identifier, nil) }

    /// Nobody will join it: its stack goes with its end. At most once, instead of `join`.
    package func detach() { pthread_detach(identifier) }

    /// Lets another thread run.
    package static func yield() { sched_yield() }

    /// A number that differs between all threads alive; never zero.
    package static var currentIdentifier: UInt { UInt(pthread_self()) }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
            self.body = body
        }
    }
}
