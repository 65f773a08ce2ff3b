import Testing

/// The house style, applied to every file (EXAMPLES §11).
@Suite struct TidyTests {
    static let manifest = SourceFile.all.first { $0.path == "Package.swift" }
    static let arrows = PackageArrows(manifest: manifest?.lines.joined(separator: "\n") ?? "")

    private func expectNone(_ problems: [String]) {
        for problem in problems { Issue.record(Comment(rawValue: problem)) }
    }

    @Test("the files and the arrows of the package are found")
    func sees() {
        #expect(SourceFile.swift.count > 100)
        #expect(Self.arrows.dependencies["FluxonCore"] == ["Yams"])
        #expect(Self.arrows.dependencies["FluxonPool"] == ["CFluxonPool", "FluxonCore", "FluxonSystem"])
        #expect(Self.arrows.dependencies["FluxonMaster"]?.isSuperset(of: ["FluxonEtcdEmbedded", "DequeModule", "Logging"]) == true)
        #expect(Self.arrows.dependencies["FluxonCLI"]?.contains("ArgumentParser") == true)
        #expect(Self.arrows.dependencies["Main"]?.contains("ArgumentParser") == true)
    }

    @Test("arrows between modules point down, and each C target has one importer")
    func layers() { expectNone(TidyRules.arrows(Self.arrows)) }

    @Test("a module imports what Package.swift gives it, not what its dependencies have")
    func imports() { expectNone(SourceFile.all.filter(\.isSwift).flatMap { TidyRules.imports(of: $0, arrows: Self.arrows) }) }

    @Test("raw memory stays in its modules, and every promise of safety says why")
    func pointers() { expectNone(SourceFile.swift.flatMap(TidyRules.pointers)) }

    @Test("environment, wall clock, printing, forced casts, detached tasks: only in their places, or nowhere")
    func words() {
        expectNone(
            SourceFile.all.filter { !$0.isGenerated && ["swift", "c", "h"].contains($0.name.split(separator: ".").last ?? "") }.flatMap(
                TidyRules.words))
    }

    @Test("no file above 400 lines, no function above 70")
    func sizes() { expectNone(SourceFile.swift.flatMap { TidyRules.sizes(of: $0) + TidyRules.functions(in: $0) }) }

    @Test("only the face is public")
    func publicNames() { expectNone(SourceFile.swift.flatMap(TidyRules.publicNames)) }

    @Test("file names say what the file is")
    func names() { expectNone(SourceFile.swift.flatMap(TidyRules.fileNames)) }

    @Test("mistakes that tests plant are compiled into no release")
    func planting() throws {
        expectNone(SourceFile.swift.filter { $0.path.hasPrefix("Sources/") }.flatMap(PlantingRules.leaks))
        expectNone(PlantingRules.definitions(in: try #require(Self.manifest)))
    }

    @Test("every limit stands in the table of limits, with the file that sees to it, and the table names no other")
    func limits() throws {
        let files = SourceFile.all
        let limits = try #require(files.first { $0.path == "Sources/FluxonCore/Limits.swift" })
        let document = try #require(files.first { $0.path == "docs/LIMITS.md" })
        #expect(LimitRules.members(of: limits).count > 60)
        expectNone(LimitRules.problems(limits: limits, document: document, files: files))
    }

    @Test("every message is made and read by the test of all messages")
    func messages() throws {
        let samples = try #require(SourceFile.all.first { $0.path == "Tests/FluxonCoreTests/Wire/Samples/WireMessage.swift" })
        #expect(LimitRules.messages(in: SourceFile.swift).count > 15)
        expectNone(LimitRules.untestedMessages(in: SourceFile.swift, samples: samples))
    }

    @Test("nothing unfinished, no path of one machine, no conflict left")
    func leftovers() { expectNone(SourceFile.all.flatMap(TidyRules.leftovers)) }
}
