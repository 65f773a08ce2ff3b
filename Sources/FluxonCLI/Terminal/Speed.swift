import FluxonCore

/// How long some bytes took, for eyes and for scripts.
struct Speed {
    let seconds: Double
    let gigabytesPerSecond: Double

    init(bytes: Int, elapsed: Duration) {
        seconds = max(Double(elapsed.clampedNanoseconds), 1) / 1e9
        gigabytesPerSecond = Double(bytes) / seconds / 1e9
    }

    /// `0.3 µs`, `12 ms`, `1.25 s`, `3 min`, `1.5 h`, `9 days`.
    var time: String {
        switch seconds {
        case ..<1e-3: "\(Self.digits(seconds * 1e6)) µs"
        case ..<1: "\(Self.digits(seconds * 1e3)) ms"
        case ..<120: "\(Self.digits(seconds)) s"
        case ..<7200: "\(Self.digits(seconds / 60)) min"
        case ..<172_800: "\(Self.digits(seconds / 3600)) h"
        default: "\(Self.digits(seconds / 86_400)) days"
        }
    }

    /// `4.2 GB/s`, `12 MB/s`, `3 kB/s`.
    var rate: String {
        switch gigabytesPerSecond {
        case 0.1...: "\(Self.digits(gigabytesPerSecond)) GB/s"
        case 1e-4...: "\(Self.digits(gigabytesPerSecond * 1e3)) MB/s"
        default: "\(Self.digits(gigabytesPerSecond * 1e6)) kB/s"
        }
    }

    /// About three significant digits.
    static func digits(_ value: Double) -> String {
        let scale: Double = value < 10 ? 100 : value < 100 ? 10 : 1
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
