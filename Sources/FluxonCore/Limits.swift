/// Every limit of the system, in one place. A limit met is a typed error that names it.
package enum Limits {
    /// Longest key in bytes.
    package static let keyBytes = 1024
    /// Longest `instance_key` or `cluster_name` in bytes.
    package static let nameBytes = 255
    /// Longest path of a Unix socket in bytes: `sun_path` less its terminator.
    package static let socketPathBytes = 107
    /// Longest attribute line in etcd in bytes.
    package static let attributeBytes = 4096
    /// Members of one cluster.
    package static let members = 4096
    /// Sections of a status, and figures of a section.
    package static let statusFigures = 256
}
