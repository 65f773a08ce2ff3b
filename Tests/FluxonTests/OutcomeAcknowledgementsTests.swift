import FluxonCore
import Testing

@testable import Fluxon

/// What a process tells its owner again (CONSISTENCY T1): an owner that never hears of an outcome keeps it for good.
@Suite struct OutcomeAcknowledgementsTests {
    private var acknowledgements = OutcomeAcknowledgements()

    @Test("what went with a connection that broke is told again, unless an answer showed that it was read")
    mutating func repeated() {
        for counter: UInt64 in 1...3 { acknowledgements.arrived(counter) }
        acknowledgements.toldAll(in: 5)
        #expect(acknowledgements.untold.isEmpty)
        acknowledgements.proven(upTo: 4)
        acknowledgements.arrived(4)
        acknowledgements.reconnected(isSameSession: true)
        #expect(acknowledgements.untold == [1, 2, 3, 4])
        acknowledgements.toldAll(in: 6)
        acknowledgements.proven(upTo: 6)
        acknowledgements.reconnected(isSameSession: true)
        #expect(acknowledgements.untold.isEmpty)
    }

    @Test("what is told while earlier ones are not proven waits for its own message")
    mutating func overlapping() {
        acknowledgements.arrived(1)
        acknowledgements.toldAll(in: 1)
        acknowledgements.arrived(2)
        acknowledgements.toldAll(in: 2)
        acknowledgements.proven(upTo: 1)
        #expect(acknowledgements.unproven == 1)
        acknowledgements.proven(upTo: 1)
        #expect(acknowledgements.unproven == 1)
        acknowledgements.proven(upTo: 2)
        #expect(acknowledgements.unproven == 0)
    }

    @Test("another session hears nothing of this one's outcomes")
    mutating func otherSession() {
        acknowledgements.arrived(1)
        acknowledgements.toldAll(in: 1)
        acknowledgements.arrived(2)
        acknowledgements.reconnected(isSameSession: false)
        #expect(acknowledgements.untold.isEmpty && acknowledgements.unproven == 0)
    }
}
