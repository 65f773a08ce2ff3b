internal import Glibc

/// The kernel refused something, or was asked for what cannot be.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried, in words: "connect to unix:/run/fluxon.sock".
    package let operation: String
    /// The kernel's number, or 0 where the refusal is ours.
    package let errno: CInt
    /// What to do about it; empty where the number says it all.
    package let advice: String

    package init(_ operation: String, errno: CInt, advice: String = "") {
        self.operation = operation
        self.errno = errno
        self.advice = advice
    }

    package var description: String {
        let reason = errno == 0 ? "" : ": \(Self.message(errno)) (errno \(errno))"
        let advice = advice.isEmpty ? "" : "; \(advice)"
        return "\(operation) failed\(reason)\(advice)"
    }

    /// The kernel's words for one of its numbers.
    package static func message(_ errno: CInt) -> String {
        guard let text = strerror(errno) else { return "unknown error" }
        return String(cString: text)
    }

    /// Whether the object exists and somebody else has it.
    package var isInUse: Bool { errno == EADDRINUSE || errno == EWOULDBLOCK || errno == EEXIST }
    /// Whether nobody listens at the address.
    package var isRefused: Bool { errno == ECONNREFUSED || errno == ENOENT }
}

/// Turns the shim's "value or -errno" into a value or an error. The operation's words are made only for an error.
@inline(__always)
func checked<T: FixedWidthInteger & SignedInteger>(_ result: T, _ operation: @autoclosure () -> String) throws(SystemError) -> T {
    if result < 0 { throw SystemError(operation(), errno: CInt(truncatingIfNeeded: -result)) }
    return result
}
