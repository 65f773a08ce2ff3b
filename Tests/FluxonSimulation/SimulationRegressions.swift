/// Seeds that once broke an invariant, kept for good: what they met is met again as long as nothing before it goes another way. What each
/// showed stands in a decision record, and its rule in a table test, which does not hang on a seed.
package struct SimulationRegression: Sendable {
    package let shape: SimulationShape
    package let seed: UInt64
    /// The invariant that it broke, and the record that says why.
    package let broke: String

    package static let all: [SimulationRegression] = [
        .init(shape: .mixed, seed: 45_767, broke: "I2, 0031 (a)"),
        .init(shape: .mixed, seed: 12_487, broke: "I9, 0031 (b)"),
        .init(shape: .mixed, seed: 19_843, broke: "I9, 0031 (c)"),
        .init(shape: .mixed, seed: 27_952, broke: "I9, 0031 (c)"),
        .init(shape: .mixed, seed: 55_577, broke: "I5, 0031 (d)"),
        .init(shape: .mixed, seed: 62_532, broke: "I5, 0031 (d)"),
        .init(shape: .mixed, seed: 63_635, broke: "I9, the checker, 0031"),
        .init(shape: .mixed, seed: 66_817, broke: "I9, the checker, 0031"),
        .init(shape: .mixed, seed: 63_755, broke: "I9, the checker, 0031"),
        .init(shape: .mixed, seed: 49_681, broke: "liveness, the simulated network, 0031"),
    ]
}
