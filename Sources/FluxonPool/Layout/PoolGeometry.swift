import CFluxonPool

/// Where everything lies in a pool file: fixed when the file is made, checked by every process that maps it.
///
///     header page | index tables, each twice the one before and at its own size | entries | data
///
/// Tables, entries and data of large pools begin at multiples of 2 MiB, so that they can lie in huge pages.
/// Tables and entries have address room for the largest number of entries, but the file gets memory for them only as they grow.
package struct PoolGeometry: Hashable, Sendable {
    package static let headerBytes = Int(CFLUXON_HEADER_BYTES)
    static let bucketBytes = MemoryLayout<cfluxon_bucket>.size
    static let entryBytes = MemoryLayout<cfluxon_entry>.size
    /// Entries per bucket, on average, above which the index moves to the next table.
    static let entriesPerBucket = 5
    private static let hugePage = 2 << 20

    package let fileBytes: Int
    package let hashSeed: UInt64
    package let tableOffset: Int
    package let firstTableShift: Int
    package let lastTableShift: Int
    package let entriesOffset: Int
    package let entriesLimit: Int
    package let dataOffset: Int
    package let dataBytes: Int
    package let pageShift: Int

    /// The layout of a pool that lends `capacityBytes` to values.
    ///
    /// Entries: one per 512 bytes at most; at first one per 16 KiB (`initialEntries`). The page is 4 KiB up to 64 GiB, then larger so
    /// that the owner's tables stay below 16 M pages. The data area is whole units of 1/64 of the pool, 64 KiB to 4 MiB.
    package init(capacityBytes: Int, hashSeed: UInt64) {
        var pageShift = 12
        while capacityBytes >> pageShift > 1 << 24 { pageShift += 2 }
        var dataShift = pageShift + 4
        while dataShift < 22, 1 << (dataShift + 1) <= capacityBytes / 64 { dataShift += 1 }
        let dataUnit = 1 << dataShift
        dataBytes = max(1, (capacityBytes + dataUnit - 1) / dataUnit) * dataUnit
        let unit = Self.entryGrant(dataBytes: dataBytes)
        entriesLimit = min(max(dataBytes / 512, unit), Int(Int32.max) - unit) / unit * unit
        firstTableShift = Self.shift(for: Self.initialEntries(dataBytes: dataBytes))
        lastTableShift = max(firstTableShift, Self.shift(for: entriesLimit))
        tableOffset = (1 << firstTableShift) * Self.bucketBytes
        entriesOffset = Self.aligned((2 << lastTableShift) * Self.bucketBytes, to: unit * Self.entryBytes)
        dataOffset = Self.aligned(entriesOffset + entriesLimit * Self.entryBytes, to: dataUnit)
        fileBytes = dataOffset + dataBytes
        self.pageShift = pageShift
        self.hashSeed = hashSeed
    }

    /// Reads and checks a superblock that anyone may have written.
    ///
    /// - Throws: `.damaged`, saying which field holds what.
    init(reading block: cfluxon_superblock, mappedBytes: Int) throws(PoolError) {
        guard block.magic == CFLUXON_POOL_MAGIC else { throw .damaged("no pool file: its first bytes are not the magic number") }
        guard block.layout_version == CFLUXON_POOL_LAYOUT_VERSION else {
            throw .damaged(
                "pool layout \(block.layout_version); this program reads layout \(CFLUXON_POOL_LAYOUT_VERSION): use one release on one host"
            )
        }
        func number(_ value: UInt64, _ name: String, in range: ClosedRange<Int>) throws(PoolError) -> Int {
            guard let value = Int(exactly: value), range.contains(value) else {
                throw .damaged("\(name) = \(value) is outside \(range.lowerBound)...\(range.upperBound)")
            }
            return value
        }
        fileBytes = try number(block.file_bytes, "file_bytes", in: Self.headerBytes...mappedBytes)
        pageShift = try number(UInt64(block.page_shift), "page_shift", in: 12...30)
        firstTableShift = try number(UInt64(block.table_first_shift), "table_first_shift", in: 0...32)
        lastTableShift = try number(UInt64(block.table_last_shift), "table_last_shift", in: firstTableShift...32)
        tableOffset = try number(block.table_offset, "table_offset", in: Self.headerBytes...fileBytes)
        let tableBytes = ((2 << lastTableShift) - (1 << firstTableShift)) * Self.bucketBytes
        guard tableBytes <= fileBytes - tableOffset else { throw .damaged("index tables of \(tableBytes) bytes exceed the file") }
        entriesOffset = try number(block.entries_offset, "entries_offset", in: tableOffset + tableBytes...fileBytes)
        entriesLimit = try number(block.entries_limit, "entries_limit", in: 1...Int(Int32.max))
        guard entriesLimit * Self.entryBytes <= fileBytes - entriesOffset else { throw .damaged("\(entriesLimit) entries exceed the file") }
        dataOffset = try number(block.data_offset, "data_offset", in: entriesOffset + entriesLimit * Self.entryBytes...fileBytes)
        dataBytes = try number(block.data_bytes, "data_bytes", in: 0...fileBytes - dataOffset)
        guard tableOffset % 64 == 0, entriesOffset % 64 == 0, dataOffset % 64 == 0 else {
            throw .damaged("an offset is not a multiple of 64")
        }
        hashSeed = block.hash_seed
    }

    var pageBytes: Int { 1 << pageShift }
    var initialEntries: Int { min(Self.initialEntries(dataBytes: dataBytes), entriesLimit) }
    /// Entries are granted in multiples of this.
    var entryGrant: Int { Self.entryGrant(dataBytes: dataBytes) }
    /// Where table `shift` begins; only for shifts between the first and the last.
    func tableStart(_ shift: Int) -> Int { tableOffset + ((1 << shift) - (1 << firstTableShift)) * Self.bucketBytes }

    func superblock() -> cfluxon_superblock {
        var block = cfluxon_superblock()
        block.magic = CFLUXON_POOL_MAGIC
        block.layout_version = CFLUXON_POOL_LAYOUT_VERSION
        block.header_bytes = CFLUXON_HEADER_BYTES
        block.file_bytes = UInt64(fileBytes)
        block.hash_seed = hashSeed
        block.table_offset = UInt64(tableOffset)
        block.table_first_shift = UInt32(firstTableShift)
        block.table_last_shift = UInt32(lastTableShift)
        block.entries_offset = UInt64(entriesOffset)
        block.entries_limit = UInt64(entriesLimit)
        block.data_offset = UInt64(dataOffset)
        block.data_bytes = UInt64(dataBytes)
        block.page_shift = UInt32(pageShift)
        return block
    }

    /// Ranges that have memory from the start: everything but the room to grow.
    package var initialRanges: [Range<Int>] {
        [
            0..<Self.headerBytes,
            tableStart(firstTableShift)..<tableStart(firstTableShift) + (1 << firstTableShift) * Self.bucketBytes,
            entriesOffset..<entriesOffset + initialEntries * Self.entryBytes,
            dataOffset..<fileBytes,
        ]
    }

    /// Bytes of memory that the file takes at start.
    package var initialBytes: Int { initialRanges.reduce(0) { $0 + Self.aligned($1.count, to: 4096) } }

    private static func initialEntries(dataBytes: Int) -> Int {
        let unit = entryGrant(dataBytes: dataBytes)
        return max(dataBytes / (16 * 1024) / unit, 1) * unit
    }

    /// A huge page of entries, a sixteenth of that in small pools.
    private static func entryGrant(dataBytes: Int) -> Int { dataBytes < 256 << 20 ? 1024 : hugePage / entryBytes }

    private static func shift(for entries: Int) -> Int {
        // The smallest table fills a page, after the header's.
        var shift = 6
        while (1 << shift) * entriesPerBucket < entries { shift += 1 }
        return shift
    }

    private static func aligned(_ bytes: Int, to unit: Int) -> Int { (bytes + unit - 1) / unit * unit }
}
