/// Where each byte of a response lies: head, then for every chunk its payload and its checksum. Both sides walk it with one
/// number, the position in the stream; so a response can break off and go on at any byte.
package struct ResponseLayout: Hashable, Sendable {
    package enum Segment: Hashable, Sendable {
        /// Bytes of the head.
        case head(Range<Int>)
        /// Bytes of the value, counted from the start of the range that was asked for.
        case payload(Range<Int>, chunk: Int)
        /// Bytes of the checksum of a chunk.
        case trailer(Range<Int>, chunk: Int)

        package var count: Int {
            switch self {
            case .head(let range), .payload(let range, _), .trailer(let range, _): range.count
            }
        }
    }

    package let length: Int
    package let chunkBytes: Int

    package init(length: Int, chunkBytes: Int) {
        self.length = length
        self.chunkBytes = chunkBytes
    }

    package var chunkCount: Int { (length + chunkBytes - 1) / chunkBytes }
    package var totalBytes: Int { Frames.responseBytes + length + chunkCount * Frames.trailerBytes }

    /// The longest piece from `position` on that lies in one place. Nil at the end.
    package func segment(at position: Int) -> Segment? {
        guard position >= Frames.responseBytes else { return .head(position..<Frames.responseBytes) }
        let behindHead = position - Frames.responseBytes
        let (chunk, within) = behindHead.quotientAndRemainder(dividingBy: chunkBytes + Frames.trailerBytes)
        guard chunk < chunkCount else { return nil }
        let payload = payload(of: chunk)
        if within < payload.count { return .payload(payload.lowerBound + within..<payload.upperBound, chunk: chunk) }
        let behindPayload = within - payload.count
        return behindPayload < Frames.trailerBytes ? .trailer(behindPayload..<Frames.trailerBytes, chunk: chunk) : nil
    }

    /// The bytes of the range that `chunk` carries.
    package func payload(of chunk: Int) -> Range<Int> {
        let start = min(chunk * chunkBytes, length)
        return start..<min(start + chunkBytes, length)
    }
}
