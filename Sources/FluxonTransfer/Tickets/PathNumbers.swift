/// Numbers paths of one owner, whichever transport they belong to: none gets a number that another had. On the loop only.
package final class PathNumbers {
    private var last: UInt64 = 0

    package init() {}

    package func next() -> PathID {
        last += 1
        return PathID(last)
    }
}
