internal import Foundation
internal import JobDispatch

/// The system's clock: fills the dispatcher's port.
final class SystemWallClock: WallClock {
  var secondsSince1970: UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }
}
