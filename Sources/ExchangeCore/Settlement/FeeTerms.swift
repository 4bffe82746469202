public import ExchangeTypes

/// What the operator takes of a charge, and who gets it.
public struct FeeTerms: Hashable, Sendable {
  /// The whole: parts are of a million.
  public static let whole: UInt32 = 1_000_000
  /// Nothing is taken.
  public static let none = FeeTerms(parts: 0, account: AccountID(0))

  /// Parts of a million of what each supplier's share would be.
  public let parts: UInt32
  /// Who gets it: an account of kind `fees`; 0 if nothing is taken.
  public let account: AccountID

  /// Joins the parts.
  public init(parts: UInt32, account: AccountID) {
    self.parts = parts
    self.account = account
  }
}

extension FeeTerms: StoredRow {
  static var table: Table { .fees }
  var rowKey: UInt64 { 0 }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(parts)
    writer.write(account.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    guard key == 0 else { throw .unknownValue(offset: 0, value: key) }
    self.init(parts: try reader.read(), account: try reader.readID())
  }
}
