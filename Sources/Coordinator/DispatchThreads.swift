internal import JobDispatch
internal import NIOCore
internal import Transport

/// Has the dispatcher's long work done on threads: fills its port with `Transport`.
final class DispatchThreads: DispatchWork {
  /// Bodies that wait to be read, in bytes of all of them: what comes beyond that is to come again.
  private static let bytesMax = 64 << 20

  private let work: WorkBeside

  init(of eventLoop: any EventLoop, on threads: WorkThreads) {
    work = WorkBeside(of: eventLoop, on: threads, bytesMax: Self.bytesMax)
  }

  func run<Value: Sendable>(
    _ bytes: Int, isWanted: @escaping () -> Bool,
    prepare: @escaping () -> @Sendable () -> Value, told: @escaping (Value) -> Void
  ) -> Bool {
    work.run(bytes, isWanted: isWanted, prepare: prepare, told: told)
  }
}
