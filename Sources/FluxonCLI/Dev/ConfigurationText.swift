import FluxonCore

extension DevPlan {
    /// A path or name as YAML reads it back, whatever is in it: JSON's strings are YAML's.
    static func yaml(_ text: String) -> String { JSONValue.string(text).text() }

    /// The same for a shell, in quotes where it needs them.
    static func shell(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (64...90).contains(byte) || (97...122).contains(byte) || "/-_.,:+%=".utf8.contains(byte)
        }
        return isPlain && !text.isEmpty
            ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
