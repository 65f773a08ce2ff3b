import ArgumentParser
import Fluxon
import FluxonCore
import Foundation

/// The pages of the keys that begin with something, one after the other.
struct KeyListing {
    private let prefix: [UInt8]
    private var position: UInt64? = 0
    private var term: UInt64?
    /// What the reader of the list has to know about it; nil: it is whole.
    private(set) var warning: String?

    init(prefix: [UInt8]) { self.prefix = prefix }

    /// nil: there are no more pages. A page may be empty.
    mutating func nextPage(_ control: borrowing ControlClient) async throws -> [KeysAnswer.Entry]? {
        guard let position else { return nil }
        let answer = try await control.keys(KeysRequest(prefix: prefix, position: position))
        if let term, term != answer.term {
            throw CommandFailure.failed("the list is not whole: another master took over in term \(answer.term); list again")
        }
        term = answer.term
        self.position = answer.next
        if !answer.isComplete {
            warning = "the master does not know yet what all owners hold: keys may be missing; see `fluxon status`"
        }
        return answer.entries
    }

    static func checkPrefix(_ prefix: String) throws {
        let count = CommandLineBytes.typed(prefix).count
        if count > Limits.keyBytes { throw ValidationError("a key has at most \(Limits.keyBytes) bytes, this prefix \(count)") }
    }

    /// The key on one line of a terminal: what does not print as `\xNN`.
    static func escaped(_ key: Key) -> String {
        let text = String(validating: key.bytes, as: UTF8.self)
        guard let text, !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control || $0 == "\\" }) else {
            return key.bytes.map { byte in
                switch byte {
                case UInt8(ascii: "\\"): "\\\\"
                case 0x20..<0x7F: String(UnicodeScalar(byte))
                default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
                }
            }.joined()
        }
        return text
    }

    static func json(_ key: Key) -> (name: String, value: JSONValue) {
        String(validating: key.bytes, as: UTF8.self).map { ("key", .string($0)) }
            ?? ("key_base64", .string(Data(key.bytes).base64EncodedString()))
    }
}
