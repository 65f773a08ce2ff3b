/// What a run is made of, as its seed says.
struct ChaosLayout: CustomStringConvertible {
    let owners: Int
    let masters: Int
    let metadata: TestCluster.Metadata

    init(seed: UInt64) {
        let layouts: [(Int, Int, TestCluster.Metadata)] = [(2, 1, .etcd), (2, 2, .etcd), (3, 1, .embedded), (3, 2, .etcd)]
        (owners, masters, metadata) = layouts[Int(seed % UInt64(layouts.count))]
    }

    struct Client {
        let owner: Int
        let isThroughExternal: Bool
        /// Its clock is not its owner's, as in another time namespace: it may map nothing, and every value is copied.
        let isElsewhere: Bool
    }

    /// Two at each of the first two owners, one through its external, and one at a third.
    var clients: [Client] {
        [
            Client(owner: 0, isThroughExternal: false, isElsewhere: false), Client(owner: 0, isThroughExternal: true, isElsewhere: false),
            Client(owner: 1, isThroughExternal: false, isElsewhere: true), Client(owner: 1, isThroughExternal: true, isElsewhere: false),
        ] + (owners > 2 ? [Client(owner: 2, isThroughExternal: false, isElsewhere: false)] : [])
    }

    var description: String {
        "\(owners) owners, \(masters) \(masters == 1 ? "master" : "masters"), metadata in \(metadata.rawValue), \(clients.count) clients"
    }
}
