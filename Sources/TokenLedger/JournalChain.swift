internal import Crypto
public import ExchangeTypes

/// A place in the journal: after a transfer, with the hash of everything up to it.
///
/// The hash after a transfer is SHA-256(hash before ‖ the transfer's canonical bytes). Whoever knows the hash at a
/// later place can tell whether any transfer before it was changed, left out, added or moved.
public struct JournalPosition: Hashable, Sendable {
  /// The last transfer before the place; 0 at the beginning.
  public private(set) var transfer: TransferID
  /// The hash after it: 32 bytes, all zero at the beginning.
  public private(set) var hash: [UInt8]

  /// Joins the parts.
  public init(transfer: TransferID, hash: [UInt8]) {
    self.transfer = transfer
    self.hash = hash
  }

  /// Before the first transfer after `transfer` that a chain knows of: nothing is said of what was before.
  public static func beginning(after transfer: TransferID = TransferID(0)) -> JournalPosition {
    JournalPosition(transfer: transfer, hash: [UInt8](repeating: 0, count: 32))
  }

  /// The place after `next`.
  ///
  /// - Precondition: it is the transfer that follows.
  public func advanced(by next: Transfer) -> JournalPosition {
    var position = self
    var copy = CanonicalWriter(capacity: 128)
    position.advance(by: next, copyingTo: &copy)
    return position
  }

  /// Goes on to the place after `next`, and writes the transfer's canonical bytes where they are kept.
  ///
  /// - Precondition: it is the transfer that follows.
  public mutating func advance(by next: Transfer, copyingTo copy: inout CanonicalWriter) {
    precondition(next.id.rawValue == transfer.rawValue + 1, "a journal has no gaps")
    let start = copy.bytes.count
    next.append(to: &copy)
    transfer = next.id
    var hasher = SHA256()
    hasher.update(data: hash)
    hasher.update(data: copy.bytes[start...])
    // At once, since each transfer comes here: the digest's iterator makes an array of it first.
    hash = unsafe hasher.finalize().withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

extension Transfer {
  /// Writes every field in the canonical encoding: what the journal's chain is made of.
  ///
  /// The order: id, debit, credit, amount `u64` each; kind `u8`; job, as an optional; time `u64`; group, reverses, as
  /// optionals. A sale goes on with its tokens of prompt, cached and output and its charge `u64` each, and whether it is its owner's, a Boolean.
  func append(to writer: inout CanonicalWriter) {
    writer.write(id.rawValue)
    writer.write(debit.rawValue)
    writer.write(credit.rawValue)
    writer.write(amount.rawValue)
    writer.write(kind.rawValue)
    writer.write(job) { $0.write($1.rawValue) }
    writer.write(time.rawValue)
    writer.write(group) { $0.write($1.rawValue) }
    writer.write(reverses) { $0.write($1.rawValue) }
    guard let sale else { return }
    writer.write(sale.promptTokens.rawValue)
    writer.write(sale.cachedTokens.rawValue)
    writer.write(sale.outputTokens.rawValue)
    writer.write(sale.charge.rawValue)
    writer.write(sale.isOwn)
  }

  /// Reads what the chain is made of.
  ///
  /// - Throws: `CanonicalError`.
  public init(chained reader: inout CanonicalReader) throws(CanonicalError) {
    let id = TransferID(try reader.read(UInt64.self))
    let debit = AccountID(try reader.read(UInt64.self))
    let credit = AccountID(try reader.read(UInt64.self))
    let amount = Credits(nano: try reader.read())
    let kind: Kind = try reader.readCase()
    self.init(
      id: id, debit: debit, credit: credit, amount: amount, kind: kind,
      job: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        JobID(try reader.read(UInt64.self))
      }, time: LogTime(milliseconds: try reader.read()), group: try reader.readOptional(transferID),
      reverses: try reader.readOptional(transferID),
      sale: try kind == .sale ? Sale(chained: &reader) : nil)
  }
}

extension Sale {
  fileprivate init(chained reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      promptTokens: TokenCount(try reader.read(UInt64.self)),
      cachedTokens: TokenCount(try reader.read(UInt64.self)),
      outputTokens: TokenCount(try reader.read(UInt64.self)),
      charge: Credits(nano: try reader.read()), isOwn: try reader.readBool())
  }
}

private func transferID(_ reader: inout CanonicalReader) throws(CanonicalError) -> TransferID {
  TransferID(try reader.read(UInt64.self))
}
