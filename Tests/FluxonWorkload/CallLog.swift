internal import FluxonSystem
internal import Glibc
internal import Synchronization

/// Where clients write down what they do.
package protocol CallLog: Sendable {
    /// A number that no other call and no other value of the run has.
    func newNumber() -> UInt64
    func record(_ line: CallLine)
}

/// The log of a process that may be killed at any moment: each line is in the kernel before the call begins, or before its answer counts.
package final class CallLogFile: CallLog {
    private let file: Descriptor
    private let next: Atomic<UInt64>

    /// - Parameter first: The first of this process's numbers.
    package init(path: String, first: UInt64) throws {
        file = Descriptor(owning: open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640))
        next = Atomic(first)
    }

    package func newNumber() -> UInt64 { next.add(1, ordering: .relaxed).newValue }

    /// One `write` to a file opened for appending: lines of several threads do not mix.
    package func record(_ line: CallLine) {
        var text = line.text + "\n"
        text.withUTF8 { _ = write(file.number, $0.baseAddress, $0.count) }
    }
}
