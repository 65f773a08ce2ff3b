internal import FluxonCore

/// What must hold for a put or remove to take effect, judged where all writers of the key meet. Else: `.conditionFailed`.
public struct Condition: Hashable, Sendable {
    let condition: CommitCondition

    /// Nothing: the last writer wins.
    public static let none = Condition(condition: .none)
    /// There is no value under the key.
    public static let absent = Condition(condition: .absent)
    /// There is some value under the key.
    public static let present = Condition(condition: .present)
    /// The value under the key is still this version.
    public static func version(_ version: Value.Version) -> Condition { Condition(condition: .version(version.version)) }
}

/// How current a value must be.
public struct Consistency: Hashable, Sendable {
    let isLocal: Bool

    /// Every put, remove and conditional operation that has returned anywhere is seen.
    public static let current = Consistency(isLocal: false)
    /// Whatever copy this host has, current or not, even while its owner is cut off: for content-addressed values. No copy: nil.
    public static let local = Consistency(isLocal: true)
}
