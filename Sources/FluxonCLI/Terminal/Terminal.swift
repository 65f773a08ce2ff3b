import FluxonSystem
import Glibc
import Synchronization

/// What a command says: results on standard output, everything else on standard error.
enum Terminal {
    /// One line of result. Unbuffered: a script may wait for it.
    static func line(_ text: String) {
        if let number = write(text + "\n", to: STDOUT_FILENO) { outputFailure.withLock { $0 = $0 ?? number } }
    }

    /// The first error of writing a result.
    private static let outputFailure = Mutex<CInt?>(nil)

    /// To be asked before a command says that all went well.
    static func checkOutput() throws(CommandFailure) {
        guard let number = outputFailure.withLock({ $0 }) else { return }
        throw CommandFailure.failed("cannot write standard output: \(SystemError.message(number))")
    }

    /// One line for a person who watches.
    static func note(_ text: String) { _ = write(text + "\n", to: STDERR_FILENO) }

    static func error(_ text: String) { _ = write("fluxon: \(text)\n", to: STDERR_FILENO) }

    /// Text as it is, without a line's end: a progress bar writes so.
    static func raw(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    /// - Returns: what kept it from being written, if anything did.
    private static func write(_ text: String, to descriptor: CInt) -> CInt? {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || (count < 0 && errno == EINTR) else { return errno }
            rest = rest.dropFirst(max(count, 0))
        }
        return nil
    }

    /// Text in bold where standard error or output is a terminal that can; elsewhere as it is.
    static func bold(_ text: String, on stream: Stream = .output) -> String {
        stream.isTerminal && String(cString: getenv("TERM") ?? strdup("")) != "dumb" && getenv("NO_COLOR") == nil
            ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }

    enum Stream {
        case output, error
        var isTerminal: Bool { Kernel.isTerminal(self == .output ? STDOUT_FILENO : STDERR_FILENO) }
    }

    /// Rows under a header, each column as wide as its widest cell.
    static func table(header: [String], rows: [[String]]) -> [String] {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        return ([header] + rows).enumerated().map { index, row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return index == 0 ? bold(line) : line
        }
    }
}
