private import CLinux
private import Glibc

extension SystemError {
    /// Why a mapping failed. "Cannot allocate memory" is about addresses here, which no free memory helps with.
    init(mapping operation: String, errno: CInt) {
        let limit = cfluxon_address_space_limit()
        let advice =
            errno != ENOMEM
            ? ""
            : limit == .max
                ? "this process has too many mappings (vm.max_map_count)"
                : "this process may have \(limit) bytes of addresses (ulimit -v, LimitAS= in a unit): raise that limit, or ask for less"
        self.init(operation, errno: errno, advice: advice)
    }

    /// Whether a mapping failed for want of addresses, whatever memory the machine has.
    package var isOfAddresses: Bool { errno == ENOMEM && !advice.isEmpty }
}
