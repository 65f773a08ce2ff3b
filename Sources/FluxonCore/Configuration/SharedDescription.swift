/// What an owner tells the processes of its machine about itself: the content of `{shared_file_path}/shared.json`.
package struct SharedDescription: Sendable, Hashable {
    package static let fileName = "shared.json"
    /// A file larger than this is not ours.
    package static let maximumBytes = 64 << 10

    /// The version that the owner speaks; see `ProtocolVersion`.
    package var protocolVersion: Int
    package var clusterName: String
    package var subCluster: String?
    /// The owner's `instance_key`.
    package var owner: InstanceKey
    /// The pool's epoch: it changes with every start of the owner.
    package var epoch: UInt64
    /// Path of the pool file.
    package var pool: String
    /// Cells of the pool's index.
    package var indexSlots: UInt64
    /// Path of the owner's Unix socket.
    package var socket: String
    /// As written in the owner's configuration, normalised to URLs.
    package var etcdEndpoints: [String]

    package init(
        protocolVersion: Int = ProtocolVersion.current, clusterName: String, subCluster: String?, owner: InstanceKey, epoch: UInt64,
        pool: String,
        indexSlots: UInt64, socket: String, etcdEndpoints: [String]
    ) {
        self.protocolVersion = protocolVersion
        self.clusterName = clusterName
        self.subCluster = subCluster
        self.owner = owner
        self.epoch = epoch
        self.pool = pool
        self.indexSlots = indexSlots
        self.socket = socket
        self.etcdEndpoints = etcdEndpoints
    }

    /// The file's bytes, a line each field, with a newline at the end.
    package func encoded() -> [UInt8] {
        let json = JSONValue.object([
            ("protocol_version", .integer(Int64(protocolVersion))),
            ("cluster_name", .string(clusterName)),
            ("sub_cluster", subCluster.map { .string($0) } ?? .null),
            ("owner", .string(owner.name)),
            ("epoch", .unsigned(epoch)),
            ("pool", .string(pool)),
            ("index_slots", .unsigned(indexSlots)),
            ("socket", .string(socket)),
            ("etcd_endpoints", .array(etcdEndpoints.map { .string($0) })),
        ])
        return Array(json.text(isPretty: true).utf8) + [UInt8(ascii: "\n")]
    }

    /// Reads what `encoded` wrote. Fields that are not known here are skipped: a newer owner may add some.
    package init(decoding bytes: [UInt8]) throws(SharedDescriptionError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLarge(byteCount: bytes.count, limit: Self.maximumBytes) }
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch { throw .notJSON(error) }

        func field<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(SharedDescriptionError) -> T {
            guard let value = json[name] else { throw .missing(field: name) }
            guard let converted = convert(value) else { throw .wrongType(field: name) }
            return converted
        }
        // First, since a version too far away may have changed everything else.
        protocolVersion = try field("protocol_version") { $0.unsignedInteger.flatMap { Int(exactly: $0) } }
        guard ProtocolVersion.isSpoken(protocolVersion) else { throw .version(theirs: protocolVersion, ours: ProtocolVersion.current) }
        clusterName = try field("cluster_name", \.text)
        subCluster = json["sub_cluster"]?.text
        owner = InstanceKey(try field("owner", \.text))
        epoch = try field("epoch", \.unsignedInteger)
        pool = try field("pool", \.text)
        indexSlots = try field("index_slots", \.unsignedInteger)
        socket = try field("socket", \.text)
        etcdEndpoints = try field("etcd_endpoints") { value in
            guard let texts = value.elements?.map(\.text), !texts.contains(nil) else { return nil }
            return texts.compactMap { $0 }
        }
    }
}

package enum SharedDescriptionError: Error, Hashable {
    case tooLarge(byteCount: Int, limit: Int)
    case notJSON(JSONError)
    case missing(field: String)
    case wrongType(field: String)
    case version(theirs: Int, ours: Int)
}

extension SharedDescriptionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLarge(let byteCount, let limit): "\(byteCount) bytes, more than \(limit): no shared.json of an owner"
        case .notJSON(let error): "not JSON: \(error)"
        case .missing(let field): "the field \(field) is missing: was it written by an owner?"
        case .wrongType(let field): "the field \(field) has the wrong type: was it written by an owner?"
        case .version(let theirs, let ours):
            "the owner speaks protocol version \(theirs), this process \(ours); versions may differ by one: update the older of the two"
        }
    }
}
