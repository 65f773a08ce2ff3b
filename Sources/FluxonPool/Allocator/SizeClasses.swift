/// The sizes that small extents are rounded up to.
///
/// Multiples of 64 bytes up to 512, then eight per doubling up to eight pages; above that an extent is whole pages. So a value
/// wastes at most 63 bytes or 12.5 % of its extent, the unused end of its slab included (`waste bound` in the tests).
package struct SizeClasses: Sendable {
    /// How a class is cut from pages.
    package struct Class: Sendable, Equatable {
        package let byteCount: Int
        package let slabPages: Int
        package let slots: Int
        /// The smallest slab whose unused end is below 1/16: what a tenant with few values of the class gets.
        package let fewestPages: Int
    }

    package static let alignment = 64

    package let pageBytes: Int
    package let classes: [Class]
    /// Largest size that is cut from slabs.
    package let largestSmall: Int

    /// - Parameter pageBytes: a power of two, at least 4 096.
    package init(pageBytes: Int) {
        self.pageBytes = pageBytes
        largestSmall = 8 * pageBytes
        var sizes: [Int] = []
        var size = Self.alignment
        while size < 512 {
            sizes.append(size)
            size += Self.alignment
        }
        var base = 512
        while base < largestSmall {
            for step in 0..<8 { sizes.append(base + step * base / 8) }
            base *= 2
        }
        sizes.append(largestSmall)
        classes = sizes.map { Self.cut($0, pageBytes: pageBytes) }
    }

    /// The smallest slab with at least eight slots (sixty-four of small ones) whose unused end is below 1/128.
    private static func cut(_ byteCount: Int, pageBytes: Int) -> Class {
        var pages = max(1, min(64 * byteCount, 64 * 1024) / pageBytes, (8 * byteCount + pageBytes - 1) / pageBytes)
        while pages * pageBytes % byteCount * 128 > pages * pageBytes { pages += 1 }
        var fewest = (byteCount + pageBytes - 1) / pageBytes
        while fewest * pageBytes % byteCount * 16 > fewest * pageBytes { fewest += 1 }
        return Class(byteCount: byteCount, slabPages: pages, slots: pages * pageBytes / byteCount, fewestPages: min(fewest, pages))
    }

    /// The class that holds `byteCount` bytes; nil when that takes whole pages. O(1).
    package func index(for byteCount: Int) -> Int? {
        guard byteCount <= largestSmall else { return nil }
        guard byteCount > 512 else { return (max(byteCount, 1) + Self.alignment - 1) / Self.alignment - 1 }
        // 512 has index 7; each doubling adds eight.
        let doubling = Int.bitWidth - 1 - (byteCount - 1).leadingZeroBitCount
        let base = 1 << doubling
        let step = (byteCount - base + base / 8 - 1) / (base / 8)
        return 7 + (doubling - 9) * 8 + step
    }
}
