/// Pauses between attempts to connect: growing, with a fifth of chance, so that clients of a restarted server do not come in step.
struct RPCBackoff {
    private static let first = 20.0
    private static let factor = 1.6
    private static let longest = 2000.0

    private var milliseconds = Self.first

    mutating func next() -> Duration {
        let pause = milliseconds * Double.random(in: 0.8...1.2)
        milliseconds = min(milliseconds * Self.factor, Self.longest)
        return .microseconds(Int64(pause * 1000))
    }

    mutating func reset() { milliseconds = Self.first }
}
