private import CLinux

/// An open file descriptor with exactly one owner; closed when that owner's value ends.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, for calls made while this value lives.
    package let number: CInt

    /// Takes ownership of an open descriptor.
    package init(owning number: CInt) { self.number = number }

    deinit { if number >= 0 { _ = cfluxon_close(number) } }

    /// Gives the number up to a caller that closes it itself.
    package consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }

    /// A second descriptor of the same open file.
    package borrowing func duplicate() throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(cfluxon_duplicate(number), "duplicate a descriptor"))
    }

    /// Makes reads and writes return `EAGAIN` instead of waiting.
    package borrowing func setNonBlocking() throws(SystemError) {
        _ = try checked(cfluxon_set_nonblocking(number), "make a descriptor non-blocking")
    }

    /// Two ends of a non-blocking pipe: what is written to the second is read from the first.
    package static func pipe() throws(SystemError) -> DescriptorPair {
        var ends: (CInt, CInt) = (-1, -1)
        let result = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: CInt.self, capacity: 2) { cfluxon_pipe($0) }
        }
        _ = try checked(result, "make a pipe")
        return DescriptorPair(first: Descriptor(owning: ends.0), second: Descriptor(owning: ends.1))
    }

    /// Two connected non-blocking Unix stream sockets.
    package static func socketPair() throws(SystemError) -> DescriptorPair {
        var ends: (CInt, CInt) = (-1, -1)
        let result = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: CInt.self, capacity: 2) { cfluxon_socket_pair($0) }
        }
        _ = try checked(result, "make a socket pair")
        return DescriptorPair(first: Descriptor(owning: ends.0), second: Descriptor(owning: ends.1))
    }
}

/// Two descriptors; take them apart with `consume`-ing `first` and `second`.
package struct DescriptorPair: ~Copyable, Sendable {
    package var first: Descriptor
    package var second: Descriptor
}
