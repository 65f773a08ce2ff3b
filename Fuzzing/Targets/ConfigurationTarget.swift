import FluxonCore

/// Configurations of the three roles, and the texts in them by themselves. The first byte chooses.
enum ConfigurationTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let kind = input.first else { return }
        let text = String(decoding: input.dropFirst(), as: UTF8.self)
        switch kind % 4 {
        case 0: read { () throws(ConfigurationError) in _ = try MasterConfiguration(yaml: text, file: "fuzz") }
        case 1: read { () throws(ConfigurationError) in _ = try OwnerConfiguration(yaml: text, file: "fuzz") }
        case 2: read { () throws(ConfigurationError) in _ = try ExternalConfiguration(yaml: text, file: "fuzz") }
        default: texts(text)
        }
    }

    /// A refused file always says why.
    private static func read(_ body: () throws(ConfigurationError) -> Void) {
        do throws(ConfigurationError) {
            try body()
        } catch {
            precondition(!error.problems.isEmpty, "refused without a problem")
            precondition(!error.description.isEmpty)
        }
    }

    private static func texts(_ text: String) {
        if let bytes = ByteSize.parse(text) { precondition(bytes >= 0 && !ByteSize.describe(bytes).isEmpty) }
        if let span = TimeSpan.parse(text) { precondition(span >= .zero) }
        if let line = AttributeLine(parsing: text) { precondition(AttributeLine(parsing: line.text)?.text == line.text) }
        if let endpoint = NetworkEndpoint(text) {
            precondition(NetworkEndpoint(endpoint.description) == endpoint, "\(endpoint) is not read back as what was written")
        }
    }
}
