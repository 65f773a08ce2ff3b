package import FluxonCore
package import FluxonSystem

extension EventLoop: TransferClock {
    package func schedule(at instant: BootInstant, _ body: @escaping () -> Void) -> any TransferTimer {
        let timer: LoopTimer = schedule(at: instant, body)
        return timer
    }
}

extension LoopTimer: TransferTimer {}
