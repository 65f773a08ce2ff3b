import FluxonSystem
import FluxonWorkload
import Glibc

/// Follows the file in which a client's processes write down their calls.
final class CallLogReader {
    let path: String
    private let name: String
    private let recorder: HistoryRecorder
    private let file: Descriptor
    private var rest: [UInt8] = []

    init(path: String, name: String, recorder: HistoryRecorder) {
        self.path = path
        self.name = name
        self.recorder = recorder
        file = Descriptor(owning: open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o640))
    }

    /// Reads what was written down since the last time.
    func collect() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest += buffer[..<count]
            guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
            for line in rest[..<end].split(separator: UInt8(ascii: "\n")) {
                let text = String(decoding: line, as: UTF8.self)
                guard let line = CallLine(Substring(text)) else {
                    recorder.violation("\(name) wrote what nobody understands: \(text)")
                    continue
                }
                recorder.record(line)
            }
            rest.removeSubrange(...end)
        }
    }
}
