/// Carries what belongs to one event loop through a closure whose isolation the compiler cannot see to be that loop's.
package struct OnLoop<Value>: @unchecked Sendable {
    // SAFETY: made on the loop, and opened only in closures that the same loop runs.
    package let value: Value

    package init(_ value: Value) { self.value = value }
}
