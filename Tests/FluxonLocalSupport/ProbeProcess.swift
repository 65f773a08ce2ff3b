import FluxonCore
package import FluxonSystem
import Glibc

/// A `fluxon-probe` of its own process.
package struct ProbeProcess: ~Copyable {
    package let child: ChildProcess
    private let output: Descriptor

    private init(child: consuming ChildProcess, output: consuming Descriptor) {
        self.child = child
        self.output = output
    }

    /// Starts it and waits until it has done its steps (or, for `fill`, until it is inside the closure).
    package static func start(_ arguments: [String], until line: String = "ready") async throws -> ProbeProcess {
        let pipe = try Descriptor.pipe()
        let output = try pipe.first.duplicate()
        let child = try ChildProcess(
            executable: "\(products)/fluxon-probe", arguments: arguments, environment: ["PATH": "/usr/bin:/bin"], output: pipe.second)
        try await read(output.number, until: line)
        return ProbeProcess(child: child, output: output)
    }

    /// The folder that the tests' own executable was built into.
    private static var products: String {
        guard let path = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(path) }
        return "/" + String(cString: path).split(separator: "/").dropLast().joined(separator: "/")
    }

    private static func read(_ descriptor: CInt, until line: String) async throws {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !text.split(separator: "\n").contains(Substring(line)) {
            _ = try Kernel.waitReadable([descriptor], timeout: .seconds(20))
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw FluxonError(.internalError, "the probe ended: \(text)") }
            text += String(decoding: buffer.prefix(count), as: UTF8.self)
            if text.contains("failed:") { throw FluxonError(.internalError, text) }
        }
    }

    package func signal(_ number: CInt) throws { try child.process.signal(number) }
}
