package import FluxonCore
package import FluxonPool

/// A pinned value that a test can pass around and drop.
package final class Held {
    private var view: PinnedView?
    package var bytes: [UInt8] {
        switch view {
        case .some(let view): Array(view.bytes)
        case .none: []
        }
    }

    /// Where the bytes are, valid while this object lives.
    package var place: UnsafeRawBufferPointer? {
        switch view {
        case .some(let view): view.bytes
        case .none: nil
        }
    }

    package var version: Version {
        switch view {
        case .some(let view): view.version
        case .none: Version(term: 0, sequence: 0)
        }
    }

    package init(_ view: consuming PinnedView) { self.view = consume view }

    /// Whether every word of the value is `word`.
    package func isWholly(_ word: UInt64) -> Bool {
        switch view {
        case .some(let view):
            // By a pointer: a sanitizer sees what is read here, and not what the standard library reads.
            let bytes = view.bytes
            guard let words = bytes.baseAddress?.assumingMemoryBound(to: UInt64.self) else { return bytes.isEmpty }
            for number in 0..<bytes.count / 8 where words[number] != word { return false }
            return true
        case .none: return false
        }
    }

    package var isUsable: Bool {
        switch view {
        case .some(let view): view.isUsable
        case .none: false
        }
    }

    package func drop() { view = nil }
}

extension LocalRead {
    /// The value; nil when it was no hit.
    package consuming func hit() -> Held? {
        switch consume self {
        case .hit(let view): Held(view)
        default: nil
        }
    }
}
