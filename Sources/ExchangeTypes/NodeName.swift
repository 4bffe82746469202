/// A node as its certificate names it: a role, and a name that is unique within the role.
public struct NodeName: Hashable, Sendable, CustomStringConvertible {
  /// The longest name, in bytes.
  public static let bytesMax = 64

  /// What the node is.
  public let role: NodeRole
  /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
  public let name: String

  /// Joins the parts; `nil` if `name` is not a name.
  public init?(role: NodeRole, name: String) {
    guard Self.isName(name) else { return nil }
    self.role = role
    self.name = name
  }

  /// `role name`.
  public var description: String { "\(role) \(name)" }

  /// Whether a node may be called so.
  public static func isName(_ name: String) -> Bool {
    (1...bytesMax).contains(name.utf8.count)
      && name.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}

extension CertificateNumber {
  /// Before the number in a serial, so that a serial from the log is never one that was drawn: those have
  /// 20 random bytes.
  private static let serialPrefix: UInt8 = 1

  /// The serial of the certificate of this number: nine bytes, big-endian.
  public var serial: [UInt8] {
    [Self.serialPrefix] + stride(from: 56, through: 0, by: -8).map { UInt8(rawValue >> $0 & 0xFF) }
  }

  /// The number of the certificate with this serial; `nil` if it does not come from the log.
  public init?(serial: [UInt8]) {
    guard serial.count == 9, serial[0] == Self.serialPrefix else { return nil }
    self.init(serial.dropFirst().reduce(0) { $0 << 8 | UInt64($1) })
  }
}
