public import ExchangeTypes

/// A part of the journal with the books at both of its ends, checked without any other knowledge.
///
/// What must hold, in the order in which it is looked for:
///
/// 1. Accounts are numbered from 1 without gaps, and the opening sums of all debits and all credits are equal.
/// 2. Each transfer follows the one before it and moves a positive amount between two accounts that there are, or is a sale, which
///    moves nothing; no account but issuance owes at any moment.
/// 3. A reversal takes back exactly one earlier transfer, the other way round, and nothing is taken back twice.
/// 4. The chain over the transfers, from the hash at the beginning, comes to the hash at the end.
/// 5. Each account's closing sums are its opening sums and its transfers.
public struct JournalAudit: Sendable {
  /// What an account comes to.
  public struct Sums: Hashable, Sendable {
    /// What was ever debited.
    public var debits: Credits
    /// What was ever credited.
    public var credits: Credits
    /// Joins the parts.
    public init(debits: Credits, credits: Credits) {
      self.debits = debits
      self.credits = credits
    }
  }

  /// An account at both ends.
  public struct Line: Hashable, Sendable {
    /// Whose it is.
    public let account: AccountID
    /// What it is for.
    public let kind: AccountKind
    /// Before the first transfer.
    public let opening: Sums
    /// After the last one.
    public let closing: Sums
    /// Joins the parts.
    public init(account: AccountID, kind: AccountKind, opening: Sums, closing: Sums) {
      self.account = account
      self.kind = kind
      self.opening = opening
      self.closing = closing
    }
  }

  /// The first thing that does not hold.
  public enum Fault: Error, Hashable, Sendable {
    /// The accounts have a gap at this number.
    case accountMissing(AccountID)
    /// The books do not balance at the beginning.
    case openingUnbalanced
    /// Another transfer was to come here.
    case outOfOrder(TransferID, expected: TransferID)
    /// It moves nothing and is no sale, or moves it in a circle, or is a sale and moves something.
    case meaningless(TransferID)
    /// It names an account that there is not.
    case unknownAccount(TransferID, AccountID)
    /// A sum of the account leaves 64 bits.
    case overflow(TransferID, AccountID)
    /// The account owes after it and may not.
    case overdrawn(TransferID, AccountID)
    /// It takes back what it may not.
    case badReversal(TransferID)
    /// The chain comes to another place than it should.
    case chainBroken
    /// The account's closing sums are not what its transfers come to.
    case closingDiffers(AccountID, computed: Sums)
  }

  private var lines: [Line]
  private var sums: [Sums]
  private var place: JournalPosition
  /// Transfers that could still be taken back.
  private var reversible: [TransferID: Transfer] = [:]

  /// Begins at a place in the journal.
  ///
  /// - Throws: `Fault`.
  public init(_ lines: [Line], from place: JournalPosition) throws(Fault) {
    var debits: UInt128 = 0
    var credits: UInt128 = 0
    for (number, line) in lines.enumerated() {
      let id = AccountID(UInt64(number) + 1)
      guard line.account == id else { throw .accountMissing(id) }
      debits += UInt128(line.opening.debits.rawValue)
      credits += UInt128(line.opening.credits.rawValue)
    }
    guard debits == credits else { throw .openingUnbalanced }
    self.lines = lines
    self.place = place
    sums = lines.map(\.opening)
  }

  /// Takes the next transfer.
  public mutating func read(_ transfer: Transfer) throws(Fault) {
    let id = transfer.id
    let expected = TransferID(place.transfer.rawValue + 1)
    guard id == expected else { throw .outOfOrder(id, expected: expected) }
    let isSale = transfer.kind == .sale
    guard isSale == (transfer.sale != nil),
      isSale
        ? transfer.amount == .zero && transfer.group == nil && transfer.reverses == nil
        : transfer.amount > .zero && transfer.debit != transfer.credit
    else { throw .meaningless(id) }
    let payer = try index(of: transfer.debit, in: id)
    let payee = try index(of: transfer.credit, in: id)
    guard let debits = sums[payer].debits.adding(transfer.amount) else {
      throw .overflow(id, transfer.debit)
    }
    guard let credits = sums[payee].credits.adding(transfer.amount) else {
      throw .overflow(id, transfer.credit)
    }
    sums[payer].debits = debits
    sums[payee].credits = credits
    guard lines[payer].kind == .issuance || debits <= sums[payer].credits else {
      throw .overdrawn(id, transfer.debit)
    }
    if let earlier = transfer.reverses {
      // One from before the beginning cannot be looked at; that it is there is the chain's word.
      if let taken = reversible.removeValue(forKey: earlier) {
        guard taken.amount == transfer.amount, taken.debit == transfer.credit,
          taken.credit == transfer.debit
        else { throw .badReversal(id) }
      } else if earlier.rawValue > first.rawValue || earlier >= id {
        throw .badReversal(id)
      }
    } else if !isSale {
      reversible[id] = transfer
    }
    guard (transfer.kind == .reversal) == (transfer.reverses != nil) else {
      throw .badReversal(id)
    }
    place = place.advanced(by: transfer)
    count += 1
  }

  /// How many transfers were read.
  public private(set) var count: UInt64 = 0

  /// The last transfer before those that were read.
  private var first: TransferID { TransferID(place.transfer.rawValue - count) }

  /// Ends where the journal says that it ends.
  public func finish(at end: JournalPosition) throws(Fault) {
    guard place == end else { throw .chainBroken }
    for (line, computed) in zip(lines, sums) where line.closing != computed {
      throw .closingDiffers(line.account, computed: computed)
    }
  }

  private func index(of account: AccountID, in id: TransferID) throws(Fault) -> Int {
    guard account.rawValue >= 1, account.rawValue <= UInt64(lines.count) else {
      throw .unknownAccount(id, account)
    }
    return Int(account.rawValue) - 1
  }
}
