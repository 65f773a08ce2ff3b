import FluxonCore
import Testing

@Suite struct ByteSizeTests {
    @Test(
        "a size is bytes or a number with a unit, in integers",
        arguments: [
            ("1048576", 1 << 20), ("1.5GiB", 3 << 29), ("64 MiB", 64 << 20), ("500MB", 500_000_000), ("2tib", 2 << 40), ("0", 0),
            ("1kB", 1000),
            ("0.1GiB", 107_374_182), (" 7 b ", 7), ("1.123456789KiB", 1150),
        ])
    func parses(text: String, bytes: Int) {
        #expect(ByteSize.parse(text) == bytes)
    }

    @Test(
        "what is no size, or beyond Int, is refused",
        arguments: [
            "", "GiB", "-1", "1.GiB", "1.5.5", "12 parsecs", "1e9", "99999999999999999999", "9999999999999TiB", "١", "0x10", ".5GiB",
        ])
    func refuses(text: String) {
        #expect(ByteSize.parse(text) == nil)
    }

    @Test(
        "a size is shown in the largest unit that leaves at least one",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 << 29, "1.5 GiB"), (1_100_000, "1.05 MiB"), (5 << 40, "5 TiB"), (-1, "-1 B"),
        ])
    func describes(bytes: Int, text: String) {
        #expect(ByteSize.describe(bytes) == text)
    }

    @Test(
        "a time needs its unit",
        arguments: [
            ("500ms", Duration.milliseconds(500)), ("1.5s", .milliseconds(1500)), ("2min", .seconds(120)), ("3 h", .seconds(10800)),
        ])
    func times(text: String, duration: Duration) {
        #expect(TimeSpan.parse(text) == duration)
        #expect(TimeSpan.parse("500") == nil)
        #expect(TimeSpan.parse("99999999999999h") == nil)
    }
}
