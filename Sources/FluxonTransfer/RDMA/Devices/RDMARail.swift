import CVerbs
import FluxonSystem

/// One port of one device, open for use: its memory, its completions, its address. On the loop only.
///
/// Named a rail because an owner with several uses them side by side.
final class RDMARail {
    let loop: EventLoop
    let port: VerbsPort
    /// The address by which peers reach it, of which the connection manager chooses the port's entry.
    let gid: GID
    let address: ResolvedAddress
    let context: OpaquePointer
    let domain: OpaquePointer
    let completions: CompletionChannel
    /// How long completions are looked for before the loop sleeps until one is reported.
    let busyPoll: Duration
    private(set) var memory = RegisteredMemory()
    private let devices: VerbsDevices
    private let reaper: VerbsReaper
    private(set) var isUp: Bool
    /// Queue pairs that are closed and not destroyed yet.
    private(set) var burials = 0
    /// Called when the last of them is.
    var onBuried: () -> Void = {}
    /// Connections that ended while the link was down, and whose peers have not been told.
    private var untold: [ConnectionID] = []

    var name: String { port.name }

    init(
        _ found: RDMADiscovery.Usable, devices: VerbsDevices, reaper: VerbsReaper, loop: EventLoop, busyPoll: Duration = .zero
    ) throws(SystemError) {
        self.loop = loop
        isUp = found.port.isActive
        self.busyPoll = busyPoll
        port = found.port
        gid = found.gid
        address = found.address
        context = found.context
        self.devices = devices
        self.reaper = reaper
        var domain: OpaquePointer?
        _ = try verb(cfluxon_rdma_domain_create(found.context, &domain), "make a protection domain of \(found.port.name)")
        guard let domain else { throw SystemError("make a protection domain of \(found.port.name)", errno: 0) }
        self.domain = domain
        do throws(SystemError) { completions = try CompletionChannel(found.context, loop: loop) } catch {
            cfluxon_rdma_domain_destroy(domain)
            throw error
        }
    }

    deinit {
        memory = RegisteredMemory()
        cfluxon_rdma_domain_destroy(domain)
    }

    /// Has a closed queue pair destroyed, then its connection's part at the connection manager.
    ///
    /// - Parameter completion: Called when nothing touches the memory of its work any more.
    func bury(_ pair: QueuePair, _ id: ConnectionID, completion: @escaping () -> Void) {
        burials += 1
        let remains = pair.close()
        reaper.reap(
            then: loop, OnLoop({ remains.destroy() }),
            OnLoop({ [self] in
                letGo(of: id)
                completion()
                burials -= 1
                if burials == 0 { onBuried() }
            }))
    }

    /// Lets the device read into `bytes`, and peers read out of it. A large pool takes the kernel a second, of a thread of its own.
    ///
    /// - Parameters:
    ///   - bytes: In place for as long as this rail lives.
    ///   - completion: Runs on the loop, with what to do about a limit of locked memory where that is in the way.
    func register(_ bytes: [UnsafeMutableRawBufferPointer], completion: @escaping (SystemError?) -> Void) {
        let carried = OnLoop(bytes)
        let completion = OnLoop(completion)
        let rail = OnLoop(self)
        let work: @Sendable () -> Void = {
            let result: Result<[VerbsRegion], SystemError>
            do throws(SystemError) { result = .success(try rail.value.makeRegions(of: carried.value)) } catch { result = .failure(error) }
            let found = OnLoop(result)
            rail.value.loop.execute { rail.value.registered(found.value, completion.value) }
        }
        do throws(SystemError) { try KernelThread.start(name: "rdma-register", detached: true, work) } catch { completion.value(error) }
    }

    private func registered(_ result: Result<[VerbsRegion], SystemError>, _ completion: (SystemError?) -> Void) {
        switch result {
        case .success(let regions):
            memory.add(regions)
            completion(nil)
        case .failure(let error): completion(error)
        }
    }

    /// The same within this call, for little memory.
    func register(_ bytes: UnsafeMutableRawBufferPointer) throws(SystemError) { memory.add(try makeRegions(of: [bytes])) }

    /// On any thread.
    private func makeRegions(of memory: [UnsafeMutableRawBufferPointer]) throws(SystemError) -> [VerbsRegion] {
        let lockable = cfluxon_rdma_raise_locked_memory()
        var regions: [VerbsRegion] = []
        for bytes in memory {
            do throws(SystemError) {
                regions += try makeRegions(of: bytes, onDemand: false)
            } catch {
                guard port.hasPagesOnDemand else {
                    throw SystemError(
                        "register the pool's \(bytes.count) bytes with \(name)", errno: error.errno,
                        advice: Self.advice(bytes.count, lockable: lockable))
                }
                // Pages that are not pinned count towards no limit.
                regions += try makeRegions(of: bytes, onDemand: true)
            }
        }
        return regions
    }

    private func makeRegions(of bytes: UnsafeMutableRawBufferPointer, onDemand: Bool) throws(SystemError) -> [VerbsRegion] {
        let largest = port.largestRegion > 0 ? Int(clamping: port.largestRegion) : Int.max
        return try RegisteredMemory.inChunks(of: bytes, atMost: largest) { part throws(SystemError) in
            try VerbsRegion(domain, part, isReadable: true, onDemand: onDemand)
        }
    }

    /// Nothing is reported after this. Its queue pairs must be gone.
    func close() {
        for id in untold { id.destroy() }
        untold = []
        completions.close()
        let carried = OnLoop(memory)
        memory = RegisteredMemory()
        reaper.reap(then: loop, OnLoop({ carried.value.deregister() }), OnLoop({}))
    }

    /// Nobody reads or writes through this device what was registered.
    func forgetMemory() {
        memory.deregister()
        memory = RegisteredMemory()
    }

    /// Destroys the connection manager's part of a connection, which tells the peer; while the link is down later, when it can. Once
    /// Soft-RoCE's connection manager had to say something over a link that is down, it never gets a word out again.
    func letGo(of id: ConnectionID) {
        if isUp { id.destroy() } else { untold.append(id) }
    }

    /// - Returns: Whether that is news.
    func linkChanged(_ isUp: Bool) -> Bool {
        guard isUp != self.isUp else { return false }
        self.isUp = isUp
        guard isUp else { return true }
        for id in untold { id.destroy() }
        untold = []
        return true
    }

    /// Calls `body` whenever something happened to the device, with whether its link is up now.
    func watchEvents(_ body: @escaping (_ isActive: Bool) -> Void) throws(SystemError) -> Registration {
        let descriptor = try verb(cfluxon_rdma_device_events(context), "watch the events of \(name)")
        let (context, number) = (context, port.port)
        return try loop.register(descriptor, .readable) { _ in
            var isFatal: UInt32 = 0
            var isBroken = false
            while cfluxon_rdma_next_device_event(context, &isFatal) == 1 { isBroken = isBroken || isFatal != 0 }
            let isActive = (try? VerbsDevices.port(number, of: context))?.isActive ?? false
            body(isActive && !isBroken)
        }
    }

    /// What a refusal means. Locked memory is limited per process, and counts the whole pool.
    private static func advice(_ byteCount: Int, lockable: UInt64) -> String {
        guard lockable < UInt64(byteCount) else {
            return "the device has no room for it: give it a smaller pool, or look into the kernel's log; TCP is used"
        }
        return "this process may lock \(lockable) bytes of memory: set LimitMEMLOCK=infinity in its systemd unit, ulimit -l unlimited in "
            + "its shell, or --ulimit memlock=-1 for its container; until then TCP is used"
    }
}
