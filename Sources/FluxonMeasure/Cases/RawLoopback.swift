internal import FluxonSystem
internal import Glibc

/// The limit beside `remote get tcp`: eight bytes asked, `bytes` answered, over one blocking TCP connection on loopback, no protocol.
package enum RawLoopback {
    package static func measure(bytes: Int, timing: CaseTiming) throws -> Measurement {
        let ends = try connect()
        // SAFETY: both buffers live until the thread that uses them was joined or this function returns.
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: max(8, bytes), alignment: 64)
        source.initializeMemory(as: UInt8.self, repeating: 3)
        target.initializeMemory(as: UInt8.self, repeating: 0)
        let answer = Answer(descriptor: dup(ends.server.number), bytes: UnsafeRawBufferPointer(source))
        let thread = try KernelThread.start(name: "raw-loopback") { answer.serve() }
        defer {
            shutdown(ends.client.number, CInt(SHUT_RDWR))
            thread.join()
            source.deallocate()
            target.deallocate()
        }
        var recorder = LatencyRecorder()
        for _ in 0..<timing.warmUp { try ask(ends.client.number, bytes, target) }
        let start = CaseTiming.now
        let end = timing.end
        var before = start
        while before < end {
            try ask(ends.client.number, bytes, target)
            let after = CaseTiming.now
            recorder.record(nanoseconds: after - before)
            before = after
        }
        return recorder.measurement("raw loopback", bytes: bytes, elapsedNanoseconds: before - start)
    }

    private static func ask(_ descriptor: CInt, _ bytes: Int, _ target: UnsafeMutableRawBufferPointer) throws(SystemError) {
        guard send(descriptor, target.baseAddress, 8, CInt(MSG_NOSIGNAL)) == 8 else {
            throw SystemError("ask over loopback", errno: errno)
        }
        var done = 0
        while done < bytes {
            let count = recv(descriptor, target.baseAddress?.advanced(by: done), bytes - done, 0)
            guard count > 0 else { throw SystemError("read over loopback", errno: errno) }
            done += count
        }
    }

    /// The other end, on a thread of its own.
    private struct Answer: @unchecked Sendable {
        // SAFETY: the bytes are only read while the thread runs, and freed after it was joined.
        let descriptor: CInt
        let bytes: UnsafeRawBufferPointer

        func serve() {
            var request: UInt64 = 0
            while recv(descriptor, &request, 8, CInt(MSG_WAITALL)) == 8 {
                var done = 0
                while done < bytes.count {
                    let count = send(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, CInt(MSG_NOSIGNAL))
                    guard count > 0 else { break }
                    done += count
                }
            }
            close(descriptor)
        }
    }

    private struct Ends: ~Copyable {
        let client: Descriptor
        let server: Descriptor
    }

    /// A listener on a free port, one connection to it, both ends blocking and without Nagle's delay.
    private static func connect() throws(SystemError) -> Ends {
        let listener = Descriptor(owning: socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
        let client = Descriptor(owning: socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            // SAFETY: a sockaddr_in is a sockaddr by the kernel's convention; `length` is its size.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                guard bind(listener.number, raw, length) == 0, listen(listener.number, 1) == 0 else { return CInt(-1) }
                guard getsockname(listener.number, raw, &length) == 0 else { return CInt(-1) }
                return Glibc.connect(client.number, raw, length)
            }
        }
        let server = Descriptor(owning: result == 0 ? accept(listener.number, nil, nil) : -1)
        guard server.number >= 0 else { throw SystemError("make a loopback connection", errno: errno) }
        var one: CInt = 1
        for descriptor in [client.number, server.number] {
            setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        }
        return Ends(client: client, server: server)
    }
}
