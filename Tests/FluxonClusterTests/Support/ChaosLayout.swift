/// What a run is made of, as its seed says.
struct ChaosLayout: CustomStringConvertible {
    let owners: Int
    let masters: Int
    let metadata: TestCluster.Metadata

    init(seed: UInt64) {
        let layouts: [(Int, Int, TestCluster.Metadata)] = [(2, 1, .etcd), (2, 2, .etcd), (3, 1, .embedded), (3, 2, .etcd)]
        (owners, masters, metadata) = layouts[Int(seed % UInt64(layouts.count))]
    }

    /// At which owner each client is: two at each of the first two, one through its external, and one at a third.
    var clients: [(owner: Int, isThroughExternal: Bool)] {
        [(0, false), (0, true), (1, false), (1, true)] + (owners > 2 ? [(2, false)] : [])
    }

    var description: String {
        "\(owners) owners, \(masters) \(masters == 1 ? "master" : "masters"), metadata in \(metadata.rawValue), \(clients.count) clients"
    }
}
