internal import ExchangeTypes

/// The one row of table 1.
struct Meta: Hashable, Sendable {
  /// The cluster's name; nil before bootstrap.
  var clusterID: ClusterID?
  /// The version of apply's behaviour.
  var stateVersion: UInt32 = 1
  /// The time of the last entry.
  var logTime = LogTime(milliseconds: 0)
  var nextKey = KeyID(1)
  var nextJob = JobID(1)
  var nextTransfer = TransferID(1)
  var nextWorker = WorkerID(1)
  var nextUpload: UInt64 = 1
  /// The next row of requests, invitations, certificates or revocations.
  var nextRequest: UInt64 = 1
}

/// An identifier that can be given out one after the other.
extension Identifier {
  /// Takes this number and moves on to the next.
  mutating func take() -> Self {
    defer { self = Self(rawValue: rawValue + 1) }
    return self
  }
}
