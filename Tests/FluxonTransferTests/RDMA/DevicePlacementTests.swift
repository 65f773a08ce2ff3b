import FluxonSystem
import Testing

@testable import FluxonTransfer

@Suite struct DevicePlacementTests {
    @Test(
        "the node of the first device that says where it is; what is configured before it; nothing where there is one node",
        arguments: [
            (["b", "a"], ["a": 1, "b": 0], nil, 2, 0), (["c", "a"], ["a": 1], nil, 2, 1), (nil, ["b": 0, "a": 1], nil, 2, 1),
            (nil, [:], nil, 2, nil), (["a"], ["a": 1], nil, 1, nil), (["a"], ["a": 5], nil, 2, nil), (["a"], ["a": 1], 0, 2, 0),
            (nil, [:], 3, 1, 3),
        ] as [([String]?, [String: Int], Int?, Int, Int?)])
    func choice(devices: [String]?, found: [String: Int], configured: Int?, nodeCount: Int, node: Int?) {
        let chosen = DevicePlacement.choose(devices: devices, found: found, configured: configured, nodeCount: nodeCount)
        #expect(chosen?.number == node)
    }

    @Test("a machine has at least one node; one that it has not is refused by its number")
    func nodes() {
        #expect(NUMANode.count >= 1)
        let missing = NUMANode(1023)
        #expect(throws: SystemError.self) { try missing.runCurrentThread() }
        #expect(throws: SystemError.self) { try missing.lendingMemory {} }
    }

    @Test(
        "pages come from the node that lends them, and the thread runs on its processors",
        .enabled(if: NUMANode.count > 1, "needs two NUMA nodes: scripts/test-rdma"), arguments: [0, 1])
    func placement(node: Int) async throws {
        let loop = try EventLoop.started(name: "placed")
        let mapped = try await loop.perform {
            try NUMANode(node).runCurrentThread()
            return try NUMANode(node).lendingMemory { try TouchedPages(byteCount: 8 << 20) }
        }
        loop.stop()
        #expect(mapped.pages(on: node) >= 2000, "\(mapped.line)")
        #expect(mapped.pages(on: 1 - node) == 0, "\(mapped.line)")
    }
}

/// Pages that the calling thread touched, and where they are.
struct TouchedPages {
    /// Of this process's numa_maps: `7f… default anon=2048 N0=2048 …`.
    let line: String

    init(byteCount: Int) throws {
        let file = try MemoryFile(anonymous: "placed", byteCount: byteCount)
        let mapping = try SharedMapping(file, byteCount: byteCount, writable: true)
        try mapping.populate(0..<byteCount, writable: true)
        let maps = String(decoding: try File.readAll("/proc/self/numa_maps", limit: 4 << 20), as: UTF8.self)
        let start = String(UInt(bitPattern: mapping.base), radix: 16)
        line = maps.split(separator: "\n").first { $0.hasPrefix(start) }.map(String.init) ?? ""
    }

    func pages(on node: Int) -> Int {
        line.split(separator: " ").first { $0.hasPrefix("N\(node)=") }.flatMap { Int($0.drop { $0 != "=" }.dropFirst()) } ?? 0
    }
}
