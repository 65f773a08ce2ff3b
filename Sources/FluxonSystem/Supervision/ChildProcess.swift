internal import CLinux
internal import FluxonCore
internal import Glibc

/// A process started here. The kernel kills it when this process ends, however that comes about.
package struct ChildProcess: ~Copyable, Sendable {
    /// How a process ended.
    package enum Ending: Hashable, Sendable, CustomStringConvertible {
        case exited(code: Int32)
        case killed(signal: Int32)

        package var description: String {
            switch self {
            case .exited(let code): "exit \(code)"
            case .killed(let signal): "signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        }
    }

    package let processID: Int32
    package let process: ProcessDescriptor

    /// Starts `executable` in a process group of its own, so that a terminal's Ctrl-C reaches only the caller.
    ///
    /// - Parameters:
    ///   - output: Receives standard output and standard error; standard input is empty.
    ///   - environment: The whole environment of the child.
    package init(executable: String, arguments: [String], environment: [String: String], output: borrowing Descriptor) throws(SystemError) {
        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var descriptor: CInt = -1
        processID = try checked(cfluxon_spawn(executable, words, variables, output.number, &descriptor), "start \(executable)")
        process = ProcessDescriptor(owning: Descriptor(owning: descriptor))
    }

    /// How the process ended, once; nil while it runs. `process.descriptor` is readable when there is an answer.
    package func reap() throws(SystemError) -> Ending? {
        var ending = cfluxon_ending()
        guard try checked(cfluxon_reap(processID, &ending), "wait for the process \(processID)") > 0 else { return nil }
        return ending.signaled != 0 ? .killed(signal: ending.code) : .exited(code: ending.code)
    }
}

/// Signals as something to wait for instead of something that interrupts.
package struct SignalDescriptor: ~Copyable, Sendable {
    package let descriptor: Descriptor

    /// Blocks `signals` for this thread and those it starts from now on.
    package init(_ signals: [CInt]) throws(SystemError) {
        descriptor = Descriptor(owning: try checked(cfluxon_signals_open(signals, CInt(signals.count)), "wait for signals"))
    }

    /// The next signal that arrived, nil when none did.
    package func next() throws(SystemError) -> CInt? {
        let number = try checked(cfluxon_signals_next(descriptor.number), "read a signal")
        return number > 0 ? number : nil
    }
}

/// Small questions to the kernel that a command-line tool has.
package enum Kernel {
    /// Waits until a descriptor is readable, at most `timeout`; false for all when none became so.
    package static func waitReadable(_ descriptors: [CInt], timeout: Duration) throws(SystemError) -> [Bool] {
        let milliseconds = CInt(clamping: max(0, timeout.clampedNanoseconds) / 1_000_000)
        var readable = [UInt8](repeating: 0, count: descriptors.count)
        _ = try checked(cfluxon_wait_readable(descriptors, &readable, CInt(descriptors.count), milliseconds), "wait for descriptors")
        return readable.map { $0 != 0 }
    }

    /// A TCP port of 127.0.0.1 that nobody listened on a moment ago.
    package static func freeLoopbackPort() throws(SystemError) -> UInt16 {
        UInt16(truncatingIfNeeded: try checked(cfluxon_free_port(), "find a free port"))
    }

    package static func isTerminal(_ descriptor: CInt) -> Bool { cfluxon_is_terminal(descriptor) == 1 }
}
