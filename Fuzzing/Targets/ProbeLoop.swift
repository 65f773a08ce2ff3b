import FluxonSystem
import Synchronization

/// The loop on which targets keep what lives on one, for as long as an input lasts.
enum ProbeLoop {
    static let loop: EventLoop = {
        do { return try EventLoop.started(name: "probe") } catch { fatalError("a loop: \(error)") }
    }()

    private final class Flag: Sendable { let isSet = Atomic(false) }

    /// Runs `body` on the loop with a script made of `input`, and returns when it has ended.
    static func run(_ input: UnsafeRawBufferPointer, _ body: @escaping @Sendable (inout ByteScript) -> Void) {
        let bytes = Array(input)
        let end = Flag()
        loop.executeInPlace {
            bytes.withUnsafeBytes {
                var script = ByteScript($0)
                body(&script)
            }
            end.isSet.store(true, ordering: .releasing)
        }
        while !end.isSet.load(ordering: .acquiring) { KernelThread.yield() }
    }
}
