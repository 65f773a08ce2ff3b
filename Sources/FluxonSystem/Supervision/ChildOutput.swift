/// The file that takes what a child writes to its standard output and error. It is bounded: what goes beyond the limit is copied aside as `….1`
/// and cut, for the child holds the file open and knows no other (logrotate's `copytruncate`).
package struct ChildOutput {
    package let path: String
    private let limitBytes: Int

    package init(path: String, limitBytes: Int) {
        self.path = path
        self.limitBytes = limitBytes
    }

    /// Empty; every write goes to its end, wherever that is by then.
    package func open() throws(SystemError) -> Descriptor {
        let file = try File.open(path, .append)
        try File.resize(file, to: 0)
        return file
    }

    /// A few lines that come between the copy and the cut are lost. What cannot be done now is done next time.
    package func bound() throws(SystemError) {
        let file = try File.open(path, .append)
        guard try File.size(file) > UInt64(limitBytes) else { return }
        if let bytes = try? File.readAll(path, limit: 2 * limitBytes) { try File.replace("\(path).1", with: bytes) }
        try File.resize(file, to: 0)
    }
}
