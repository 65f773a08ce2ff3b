/// The rules of the house that a machine can check. Each gives `path:line: what is wrong`; nothing means all is well.
enum TidyRules {
    /// What comes with the toolchain and may be imported anywhere.
    static let toolchain: Set<String> = ["Swift", "Glibc", "Synchronization"]

    /// Modules that work on raw memory: the mechanisms, the owner (whose pool it is) and the face (which lends values' bytes).
    /// Nobody else mentions a pointer.
    static let memoryPlaces = [
        "Sources/FluxonOwner/", "Sources/Fluxon/", "Sources/FluxonSystem/", "Sources/FluxonPool/", "Sources/FluxonTransfer/",
        "Sources/FluxonRPC/", "Sources/FluxonTLS/", "Sources/FluxonMeasure/",
        "Benchmarks/", "Fuzzing/", "Tests/",
    ]

    /// Lower layers first (DESIGN §2); a module imports only from layers below its own.
    static let layers: [Set<String>] = [
        ["FluxonCore"], ["FluxonSystem", "FluxonTLS", "FluxonVersion"], ["FluxonPool", "FluxonRPC", "FluxonTransfer", "FluxonRole"],
        ["FluxonEtcd"],
        ["FluxonEtcdEmbedded"], ["FluxonMaster", "FluxonOwner", "FluxonExternal", "Fluxon"], ["FluxonMeasure"], ["FluxonCLI"],
    ]

    /// Words that have their places, or none.
    static let forbidden: [(words: [String], why: String, places: [String])] = [
        (
            ["getenv", "ProcessInfo", "environ"],
            "environment variables are read in the CLI only (FLUXON_ATTACH), and for NOTIFY_SOCKET",
            ["Sources/FluxonCLI/", "Sources/FluxonSystem/Supervision/ServiceNotifier.swift", "Tests/"]
        ),
        (["Task.detached"], "a detached task has no owner and no priority", []),
        (["try!", "as!"], "a failure ends in a typed error", []),
        (
            ["print("], "processes log; only the CLI and benchmarks print",
            ["Sources/FluxonCLI/", "Benchmarks/", "Fuzzing/Program/", "Tests/"]
        ),
        (
            ["Date()", "Date.now", "gettimeofday", "CLOCK_REALTIME", "time(nil)", "time(NULL)"],
            "the wall clock decides nothing (CONSISTENCY §1)",
            ["Sources/FluxonCLI/", "Sources/FluxonRole/LogFile.swift", "Tests/FluxonFaultClock/"]
        ),
        (
            ["ContinuousClock", "SuspendingClock"], "time is an argument, or the boot clock's",
            ["Sources/FluxonCLI/", "Sources/FluxonMeasure/", "Benchmarks/", "Tests/"]
        ),
        (
            ["Task.sleep", "usleep", "nanosleep"], "wait for the event, or on the loop",
            [
                "Tests/FluxonClusterTests/", "Tests/FluxonWorkload/", "Tests/FluxonChaosClient/", "Benchmarks/",
                "Sources/CFluxonPool/layout.c",
            ]
        ),
        (["DispatchQueue", "Thread.sleep", "NSLock"], "execution is an event loop's", []),
        (["_read"], "Swift before 6.4 may look at what it lent after the loan (swiftlang/swift#89836); use a stored property or get", []),
    ]

    static func words(in file: SourceFile) -> [String] {
        forbidden.filter { !file.isIn($0.places) }.flatMap { rule in
            rule.words.flatMap { word in file.uses(of: word).map { "\(file.path):\($0): \(word): \(rule.why)" } }
        }
    }

    static func imports(of file: SourceFile, arrows: PackageArrows) -> [String] {
        guard let module = file.module else { return [] }
        let isMain = file.path.contains("/Main/")
        var allowed = toolchain.union(arrows.dependencies[isMain ? "Main" : module] ?? [])
        if isMain { allowed.insert(module) }
        if ["FluxonCLI", "FluxonEtcd", "FluxonEtcdEmbedded"].contains(module) {
            allowed.formUnion(["Foundation", "FoundationEssentials"])
        }
        return file.code.enumerated().flatMap { index, line -> [String] in
            guard line.has("import "),
                let match = line.firstMatch(of: /^\s*(?:@\w+ )*(private |internal |fileprivate |package |public )?import (?:\w+ )?(\w+)/)
            else { return [] }
            let name = String(match.2)
            let place = "\(file.path):\(index + 1): import \(name)"
            var problems: [String] = []
            if !allowed.contains(name) { problems.append("\(place): not among the dependencies of \(module) in Package.swift") }
            if name.first == "C", name.dropFirst().first?.isUppercase == true, ["package ", "public "].contains(match.1 ?? "") {
                problems.append("\(place): C stays inside the folder that imports it")
            }
            return problems
        }
    }

    /// Each C target has one importer, and arrows point down.
    static func arrows(_ arrows: PackageArrows) -> [String] {
        var importers: [String: [String]] = [:]
        var problems: [String] = []
        for (target, dependencies) in arrows.dependencies.sorted(by: { $0.key < $1.key }) where target != "Main" {
            guard let layer = layers.firstIndex(where: { $0.contains(target) }) else {
                problems.append("\(target) has no layer in TidyRules")
                continue
            }
            for name in dependencies.sorted() {
                if name.hasPrefix("C"), name.dropFirst().first?.isUppercase == true { importers[name, default: []].append(target) }
                if let below = layers.firstIndex(where: { $0.contains(name) }), below >= layer { problems.append("\(target) → \(name)") }
            }
        }
        return problems + importers.filter { $0.value.count > 1 }.map { "\($0.key) is imported by \($0.value)" }
    }

    static func pointers(in file: SourceFile) -> [String] {
        var problems: [String] = []
        for (index, line) in file.code.enumerated() where ["nsafe", "Unmanaged", "@unchecked"].contains(where: line.has) {
            let place = "\(file.path):\(index + 1)"
            if !file.isIn(memoryPlaces), line.contains(/\bUnsafe(Mutable)?(Raw)?(Buffer)?Pointer\b|\bUnmanaged\b|\bunsafeBitCast\b/) {
                problems.append("\(place): raw memory belongs to the modules of TidyRules.memoryPlaces")
            }
            if line.contains(/@unchecked|nonisolated\(unsafe\)/) {
                if !file.isIn(memoryPlaces) {
                    problems.append("\(place): only modules of TidyRules.memoryPlaces promise safety themselves")
                }
                if !file.explains(index + 1) { problems.append("\(place): needs a SAFETY: comment beside it") }
            }
        }
        return problems
    }

    static func sizes(of file: SourceFile) -> [String] {
        file.lines.count > 401 ? ["\(file.path): \(file.lines.count) lines; above 400 two things live in one file"] : []
    }

    /// From the line that opens a function to the line that closes it, both by their indentation: the formatter sees to that.
    static func functions(in file: SourceFile) -> [String] {
        var problems: [String] = []
        for (index, line) in file.code.enumerated() where line.utf8.last == UInt8(ascii: "{") {
            guard line.contains(/\b(func \S+|init[?]?|deinit)\b.*\{$/),
                !line.contains(/^\s*(if|guard|for|while|switch)\b/)
            else { continue }
            let close = String(line.prefix { $0 == " " }) + "}"
            guard let end = file.code[(index + 1)...].firstIndex(where: { $0.hasPrefix(close) }) else { continue }
            if end - index + 1 > 70 {
                problems.append("\(file.path):\(index + 1): a function of \(end - index + 1) lines; 70 fit on a screen")
            }
        }
        return problems
    }

    static func publicNames(in file: SourceFile) -> [String] {
        guard file.module != nil, !file.isIn(["Sources/Fluxon/", "Sources/FluxonCore/Errors/"]) else { return [] }
        return file.code.indices.filter { file.code[$0].has("public ") && file.code[$0].contains(/^\s*(@\w+ )*public (?!import)/) }
            .map { "\(file.path):\($0 + 1): public belongs to the face, package to the rest" }
    }

    static func fileNames(_ file: SourceFile) -> [String] {
        let stem = file.name.split(separator: ".").first.map(String.init) ?? file.name
        let vague = ["Utils", "Util", "Common", "Helpers", "Helper", "Manager", "Misc"]
        let isVague = vague.contains { stem.hasSuffix($0) } || stem.contains(/[vV_]\d$/)
        return isVague ? ["\(file.path): the name does not say what it is"] : []
    }

    /// Marks of unfinished work, and paths of one machine.
    static func leftovers(in file: SourceFile) -> [String] {
        let marks = [
            "TO" + "DO", "FIX" + "ME", "XX" + "X:", "/work" + "/dev", "/work" + "/hub", "/work" + "/shared", "<<<" + "<<<<", ">>>" + ">>>>",
        ]
        return file.lines.enumerated().flatMap { index, line in
            marks.filter(line.has).map { "\(file.path):\(index + 1): \($0)" }
        }
    }
}
