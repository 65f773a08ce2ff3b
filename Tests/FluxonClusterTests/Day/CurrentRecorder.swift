import Synchronization

/// The recorder of the round that is on, for the thread that notices when the machine stands still.
final class CurrentRecorder: Sendable {
    private let recorder: Mutex<HistoryRecorder>

    init(_ recorder: HistoryRecorder) { self.recorder = Mutex(recorder) }

    var current: HistoryRecorder {
        get { recorder.withLock { $0 } }
        set { recorder.withLock { $0 = newValue } }
    }
}
