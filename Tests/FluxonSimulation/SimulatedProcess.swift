/// One life of a process after another at one place.
class SimulatedProcess {
    var life: UInt64 = 0
    var isAlive = false
    var stoppedUntil: UInt64 = 0
}
