/// Carries what belongs to one event loop through a closure that must be Sendable.
struct OnLoop<Value>: @unchecked Sendable {
    // SAFETY: made on the loop, and opened only in closures that the same loop runs.
    let value: Value

    init(_ value: Value) { self.value = value }
}
