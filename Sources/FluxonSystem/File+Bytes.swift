internal import CLinux
internal import Glibc

/// What is to be done with a file whose name comes from a person.
package enum FileUse: Sendable {
    case read
    /// Made when missing, with what the umask leaves, as any program makes a person's file; else emptied.
    case overwrite
    /// Neither: only to name it, by its descriptor, to calls that take text.
    case name

    fileprivate var flags: CInt {
        switch self {
        case .read: O_RDONLY
        case .overwrite: O_WRONLY | O_CREAT | O_TRUNC
        case .name: CInt(cfluxon_open_name_only)
        }
    }
}

extension File {
    /// Opens a file by the bytes of its name, which need not be text: for the kernel a name is bytes.
    package static func open(named name: [UInt8], for use: FileUse) throws(SystemError) -> Descriptor {
        let result = (name + [0]).withUnsafeBytes { raw -> CInt in
            // SAFETY: never empty: it ends with the zero that was added.
            cfluxon_open(raw.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), use.flags, 0o666)
        }
        return Descriptor(owning: try checked(result, "open \(String(decoding: name, as: UTF8.self))"))
    }
}
