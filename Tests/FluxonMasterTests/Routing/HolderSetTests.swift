import FluxonCore
import Testing

@testable import FluxonMaster

@Suite struct HolderSetTests {
    @Test(
        "a set is exact whatever numbers its owners have, and empties",
        arguments: [[1], [62], [63], [1, 62], [1, 63], [63, 64, 4_000], [5, 63, 9, 1]])
    func exact(numbers: [UInt32]) {
        var lists = HolderLists()
        var set = HolderSet()
        for number in numbers { lists.insert(OwnerID(number), into: &set) }
        for number in numbers { lists.insert(OwnerID(number), into: &set) }
        #expect(lists.owners(of: set).map(\.number) == numbers.sorted())
        #expect(!lists.contains(OwnerID(77), in: set))
        for number in numbers {
            #expect(lists.contains(OwnerID(number), in: set))
            lists.remove(OwnerID(number), from: &set)
            #expect(!lists.contains(OwnerID(number), in: set))
        }
        #expect(set.isEmpty)
    }
}
