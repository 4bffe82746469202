public import ExchangeTypes

/// The row of table 32: that a job's output went on from token ids wherever an attempt was lost in it.
///
/// A *seam* is a place where an attempt was lost that had added to the output. A row says that all seams up to `seams` were passed from
/// ids, the last of them by the attempt `epoch`; a job that went on by text once has none, or an old one.
struct IDResumption: Hashable, Sendable {
  let job: JobID
  /// The attempt that said so last.
  let epoch: Epoch
  /// Seams so far.
  let seams: UInt16
}

extension IDResumption: StoredRow {
  static var table: Table { .idResumptions }
  var rowKey: UInt64 { job.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(epoch.rawValue)
    writer.write(seams)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      job: JobID(key), epoch: Epoch(try reader.read(UInt32.self)), seams: try reader.read())
  }
}

extension Command {
  /// Notes that an attempt goes on from the token ids of the record, as its worker says.
  public struct GoesOnFromIDs: Hashable, Sendable {
    /// The attempt.
    public let attempt: AttemptID
    /// Names the attempt.
    public init(attempt: AttemptID) { self.attempt = attempt }

    func encode(into writer: inout FieldWriter) { writer.write(attempt) }

    init(from reader: inout CanonicalReader) throws(CanonicalError) {
      self.init(attempt: try reader.readAttempt())
    }
  }
}

extension Exchange {
  /// Checks: `wrong_state` (an older state version); `unknown_job`; `wrong_state` (no attempt); `stale_epoch`.
  ///
  /// It changes nothing but what is told of the job, and only if every earlier seam was passed from ids too.
  mutating func apply(_ command: Command.GoesOnFromIDs) throws(Rejection) -> Accepted {
    let job = try attempted(command.attempt)
    let seams = UInt16(clamping: job.deliveries.count)
    let known = idResumptions[job.id.rawValue]
    let isUnbroken =
      seams == 1 || known?.seams == seams
      || (known.map { $0.seams + 1 } == seams && known?.epoch == job.interruption?.attempt.epoch)
    if seams > 0, isUnbroken {
      let row = IDResumption(job: job.id, epoch: command.attempt.epoch, seams: seams)
      if known == nil {
        idResumptions.insert(row)
      } else {
        idResumptions.update(job.id.rawValue) { $0 = row }
      }
    }
    return .goesOnFromIDs(job.id)
  }

  /// Whether a job's output went on from token ids at every seam in it, so that no text was cut into tokens anew.
  public func wentOnFromIDs(_ job: Job) -> Bool {
    guard let row = idResumptions[job.id.rawValue] else { return false }
    return row.epoch == job.lastEpoch && Int(row.seams) == job.deliveries.count
  }
}
