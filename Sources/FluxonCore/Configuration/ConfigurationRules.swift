/// What configurations accept in more than one place: the rule as a message states it, a value that works, and the check.
enum ConfigurationRules {
    static let name = "must be 1 to \(Limits.nameBytes) letters, digits, '-', '_' or '.', starting with a letter or digit"
    static let path = "must be an absolute path"
    static let endpoint = "must be http://host:port, https://host:port or host:port"
    static let listen = "must be host:port, with port 0 for one that the kernel picks"
    static let url = "must be an http:// or https:// URL"
    static let size = "must be a number of bytes, or a size with B, KiB, MiB, GiB, TiB, kB, MB, GB or TB"
    static let duration = "must be a time with ms, s, min or h"

    /// Names go into etcd keys and file names: nothing there may need quoting.
    static func checkedName(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        func isWord(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) }
        guard let first = bytes.first, bytes.count <= Limits.nameBytes, isWord(first),
            bytes.allSatisfy({ isWord($0) || [45, 46, 95].contains($0) })
        else { return nil }
        return text
    }

    /// Without a slash at the end, so that `path + "/pool"` reads well in messages.
    static func checkedPath(_ text: String) -> String? {
        guard text.hasPrefix("/"), !text.utf8.contains(0) else { return nil }
        var path = Substring(text)
        while path.count > 1, path.last == "/" { path.removeLast() }
        return String(path)
    }

    static func checkedListen(_ text: String) -> NetworkEndpoint? {
        guard !text.contains("://") else { return nil }
        return NetworkEndpoint(text)
    }

    static func checkedEndpoint(_ text: String) -> NetworkEndpoint? {
        guard let endpoint = NetworkEndpoint(text), endpoint.port > 0 else { return nil }
        return endpoint
    }

    static func checkedURL(_ text: String) -> String? {
        let rest = text.hasPrefix("https://") ? text.dropFirst(8) : (text.hasPrefix("http://") ? text.dropFirst(7) : "")
        let isPlain = !text.contains { $0.isWhitespace || $0 == "\"" }
        return rest.isEmpty || rest.first == "/" || !isPlain ? nil : text
    }
}

extension ConfigurationSection {
    mutating func readName(_ key: String, example: String) -> String? {
        read(key, rule: ConfigurationRules.name, example: example, convert: ConfigurationRules.checkedName)
    }

    mutating func requireName(_ key: String, example: String) -> String? {
        require(key, rule: ConfigurationRules.name, example: example, convert: ConfigurationRules.checkedName)
    }

    mutating func readPath(_ key: String, example: String) -> String? {
        read(key, rule: ConfigurationRules.path, example: example, convert: ConfigurationRules.checkedPath)
    }

    mutating func requirePath(_ key: String, example: String) -> String? {
        require(key, rule: ConfigurationRules.path, example: example, convert: ConfigurationRules.checkedPath)
    }

    mutating func readEndpoints(_ key: String) -> [NetworkEndpoint]? {
        readList(key, rule: ConfigurationRules.endpoint, example: "http://127.0.0.1:2379", convert: ConfigurationRules.checkedEndpoint)
    }

    mutating func readListen(_ key: String, example: String) -> NetworkEndpoint? {
        read(key, rule: ConfigurationRules.listen, example: example, convert: ConfigurationRules.checkedListen)
    }

    mutating func readHost(_ key: String, example: String) -> String? {
        read(key, rule: "must be a host name or an address, without a port", example: example) { text in
            NetworkEndpoint(text.contains(":") ? "[\(text)]:1" : "\(text):1")?.host
        }
    }

    mutating func readURL(_ key: String, example: String) -> String? {
        read(key, rule: ConfigurationRules.url, example: example, convert: ConfigurationRules.checkedURL)
    }

    mutating func readDuration(_ key: String, example: String) -> Duration? {
        read(key, rule: ConfigurationRules.duration, example: example, convert: TimeSpan.parse)
    }

    mutating func readLogLevel() -> LogVerbosity {
        let names = LogVerbosity.allCases.map(\.rawValue).joined(separator: ", ")
        return read("log_level", rule: "must be one of \(names)", example: "info", convert: LogVerbosity.init(rawValue:)) ?? .info
    }

    /// Refuses a socket path that the kernel would cut, while the operator still reads the file it comes from.
    func checkSocketPath(_ path: String, from key: String) {
        guard path.utf8.count > Limits.socketPathBytes else { return }
        report(
            key, rule: "makes the socket path \(path) \(path.utf8.count) bytes long; the kernel takes \(Limits.socketPathBytes)",
            example: "/run/fluxon/owner")
    }
}

/// How much a role writes to its log; the names are those of swift-log.
package enum LogVerbosity: String, Sendable, Hashable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}
