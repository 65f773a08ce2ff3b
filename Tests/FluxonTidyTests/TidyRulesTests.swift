import Testing

/// That the rules find what they are for, and nothing else.
@Suite struct TidyRulesTests {
    static func file(_ text: String, at path: String = "Sources/FluxonMaster/A.swift") -> SourceFile { SourceFile(path: path, text: text) }

    @Test("words count in code, not in comments, strings or longer names")
    func words() {
        #expect(TidyRules.words(in: Self.file("let a = try! b()")).count == 1)
        #expect(TidyRules.words(in: Self.file("let a = \"\\(getenv(\"A\"))\"")).count == 1)
        #expect(TidyRules.words(in: Self.file("var a: B { _read { yield b } }")).count == 1)
        for harmless in [
            "// try! it", "let a = \"try!\"", "/* as! */", "blueprint(1)", "let a = #\"print(\"x\")\"#", "\"\"\"\nprint(1)\n\"\"\"",
        ] {
            #expect(TidyRules.words(in: Self.file(harmless)) == [], "\(harmless)")
        }
        #expect(TidyRules.words(in: Self.file("print(1)", at: "Sources/FluxonCLI/A.swift")) == [])
    }

    @Test("an import that only a dependency has is found, and one of C that leaves its folder")
    func imports() {
        let arrows = PackageArrows(
            manifest:
                "library(\"FluxonRPC\", [\"CNGHTTP2\", deque])\nlet deque = Target.Dependency.product(name: \"DequeModule\", package: \"x\")"
        )
        func problems(_ text: String) -> [String] {
            TidyRules.imports(of: Self.file(text, at: "Sources/FluxonRPC/A.swift"), arrows: arrows)
        }
        #expect(problems("import DequeModule\nprivate import CNGHTTP2\nimport Glibc") == [])
        #expect(problems("import Logging").count == 1)
        #expect(problems("package import CNGHTTP2").count == 1)
        #expect(problems("import Foundation").count == 1)
        let upwards = PackageArrows(
            manifest:
                "library(\"FluxonRPC\", [\"FluxonOwner\"]) library(\"FluxonPool\", [\"CLinux\"]) library(\"FluxonSystem\", [\"CLinux\"])")
        #expect(TidyRules.arrows(upwards).count == 2)
    }

    @Test("pointers and promises of safety need their place and their reason")
    func pointers() {
        #expect(TidyRules.pointers(in: Self.file("let a: UnsafeRawPointer")).count == 1)
        #expect(TidyRules.pointers(in: Self.file("let a: UnsafeRawPointer", at: "Sources/FluxonPool/A.swift")) == [])
        let promise = "final class A: @unchecked Sendable {}"
        #expect(TidyRules.pointers(in: Self.file(promise, at: "Sources/FluxonPool/A.swift")).count == 1)
        #expect(TidyRules.pointers(in: Self.file(promise + "\n// SAFETY: immutable.", at: "Sources/FluxonPool/A.swift")) == [])
        #expect(TidyRules.pointers(in: Self.file(promise)).count == 2)
    }

    @Test("long files, long functions, vague names and public ones are found")
    func shape() {
        let long = "func a() {\n" + String(repeating: "    b()\n", count: 69) + "}\n"
        #expect(TidyRules.functions(in: Self.file(long)).count == 1)
        #expect(TidyRules.functions(in: Self.file(long.replacing("    b()\n    b()\n", with: "    b()\n", maxReplacements: 1))) == [])
        #expect(TidyRules.sizes(of: Self.file(String(repeating: "\n", count: 401))).count == 1)
        #expect(TidyRules.sizes(of: Self.file(String(repeating: "\n", count: 400))) == [])
        #expect(TidyRules.publicNames(in: Self.file("    public func a() {}")).count == 1)
        #expect(TidyRules.fileNames(Self.file("", at: "Sources/FluxonPool/PoolManager.swift")).count == 1)
        #expect(TidyRules.fileNames(Self.file("", at: "Sources/FluxonPool/Pool_2.swift")).count == 1)
        #expect(TidyRules.fileNames(Self.file("", at: "Sources/FluxonRPC/NGHTTP2.swift")) == [])
    }

    @Test("a planted mistake outside of its condition, or a condition that a release meets, is found")
    func planting() {
        let inside = "#if FLUXON_PLANTING\n    var planted: Int?\n#endif\n"
        #expect(PlantingRules.leaks(in: Self.file(inside)) == [])
        #expect(PlantingRules.leaks(in: Self.file(inside + "let a = planted\n")).count == 1)
        #expect(PlantingRules.leaks(in: Self.file("#if FLUXON_PLANTING\n#else\n    var planted: Int?\n#endif\n")).count == 1)
        #expect(PlantingRules.leaks(in: Self.file("#if DEBUG\n    var planted: Int?\n#endif\n")).count == 1)
        let line = "isPlanting ? .define(\"FLUXON_PLANTING\") : .define(\"FLUXON_PLANTING\", .when(configuration: .debug))"
        #expect(PlantingRules.definitions(in: Self.file(line)) == [])
        #expect(PlantingRules.definitions(in: Self.file(line + "\n" + line)).count == 1)
        #expect(PlantingRules.definitions(in: Self.file(".define(\"FLUXON_PLANTING\")")).count == 1)
        #expect(PlantingRules.definitions(in: Self.file("")).count == 1)
    }
}
