internal import CRaft

/// Tells the libraft that this room was written for from its successors, which call themselves 0.22.1 too.
///
/// The release takes the configurations of `RAFT_START` and `RAFT_CONFIGURATION`; upstream's `main`
/// leaves them with the caller (cowsql/raft #200 and #204). Relinking changes no version, no size and
/// no symbol: only the memory that a pristine instance leaves behind shows it. Under the other rules
/// this would leak, and never free twice, so the question is safe to ask.
enum OwnershipProbe {
  /// Asked once, before the first engine of the process.
  static let verdict: Result<Void, RaftFailure> = {
    _ = RaftHeap.installed
    guard raft_version_number() == 2201 else {
      return .failure(RaftFailure(code: 0, reason: "libraft 0.22.1 is required"))
    }
    let before = RaftHeap.outstandingBlocks
    let code = run()
    guard code == 0 else { return .failure(RaftFailure(code: code, reason: "ownership probe")) }
    guard RaftHeap.outstandingBlocks == before else {
      return .failure(
        RaftFailure(code: 0, reason: "libraft keeps other ownership rules than release 0.22.1"))
    }
    return .success(())
  }()

  private static func run() -> Int32 {
    let instance = UnsafeMutablePointer<raft>.allocate(capacity: 1)
    instance.initialize(to: raft())
    defer { instance.deallocate() }
    var code = raft_init(instance, nil, nil, 1, "probe")
    guard code == 0 else { return code }
    defer { raft_close(instance, nil) }
    instance.pointee.tracer = nil

    var metadata = raft_snapshot_metadata(
      index: 1, term: 1, configuration: raft_configuration(), configuration_index: 1)
    code = raft_configuration_add(&metadata.configuration, 2, "other", Int32(RAFT_VOTER))
    guard code == 0 else { return code }
    var output = raft_update()
    var event = raft_event()
    event.type = RAFT_START
    event.start.term = 1
    event.start.start_index = 2
    code = withUnsafeMutablePointer(to: &metadata) {
      event.start.metadata = $0
      return raft_step(instance, &event, &output)
    }
    guard code == 0 else { return code }

    event = raft_event()
    event.type = RAFT_CONFIGURATION
    event.configuration.index = 2
    code = raft_configuration_add(&event.configuration.conf, 3, "third", Int32(RAFT_VOTER))
    guard code == 0 else { return code }
    return raft_step(instance, &event, &output)
  }
}
