public import ExchangeTypes

/// A part of the journal with the books at both of its ends, checked without any other knowledge; and pieces of it that join.
///
/// What must hold, in the order in which it is looked for:
///
/// 1. Accounts are numbered from 1 without gaps, none but issuance owes at the beginning, and the opening sums of all debits and all
///    credits are equal. Before transfer 1 nothing was moved and nothing chained.
/// 2. A piece begins at the place where the one before it ends, with the same accounts: their names, their kinds and their sums. One
///    that is new begins with nothing.
/// 3. Each transfer follows the one before it and moves a positive amount between two accounts that there are, or is a sale, which
///    moves nothing; no account but issuance owes at any moment.
/// 4. A reversal takes back exactly one earlier transfer, the other way round, and nothing is taken back twice.
/// 5. The chain over the transfers, from the hash at the beginning, comes to the hash at the end.
/// 6. Each account's closing sums are its opening sums and its transfers.
///
/// Where the first piece begins later than transfer 1, the sums there are the word of whoever wrote it. Each transfer that may still be taken
/// back is remembered: some 64 bytes.
public struct JournalAudit: Sendable {
  /// What an account comes to.
  public struct Sums: Hashable, Sendable {
    /// Nothing.
    public static let zero = Sums(debits: .zero, credits: .zero)
    /// What was ever debited.
    public var debits: Credits
    /// What was ever credited.
    public var credits: Credits
    /// Joins the parts.
    public init(debits: Credits, credits: Credits) {
      self.debits = debits
      self.credits = credits
    }

    /// What transfers moved, for each account that they name; nil if a sum leaves 64 bits.
    public static func moved(by transfers: some Sequence<Transfer>) -> [AccountID: Sums]? {
      var moved: [AccountID: Sums] = [:]
      for transfer in transfers {
        guard let debits = moved[transfer.debit, default: .zero].debits.adding(transfer.amount),
          let credits = moved[transfer.credit, default: .zero].credits.adding(transfer.amount)
        else { return nil }
        moved[transfer.debit, default: .zero].debits = debits
        moved[transfer.credit, default: .zero].credits = credits
      }
      return moved
    }
  }

  /// An account at both ends.
  public struct Line: Hashable, Sendable {
    /// Whose it is.
    public let account: AccountID
    /// What it is called.
    public let name: String
    /// What it is for.
    public let kind: AccountKind
    /// Before the first transfer.
    public let opening: Sums
    /// After the last one.
    public let closing: Sums
    /// Joins the parts.
    public init(
      account: AccountID, name: String, kind: AccountKind, opening: Sums, closing: Sums
    ) {
      self.account = account
      self.name = name
      self.kind = kind
      self.opening = opening
      self.closing = closing
    }
  }

  /// The first thing that does not hold.
  public enum Fault: Error, Hashable, Sendable {
    /// The accounts have a gap at this number, or end before it.
    case accountMissing(AccountID)
    /// The books do not balance at the beginning.
    case openingUnbalanced
    /// The account has something at the beginning that no transfer can have moved.
    case openingUnexplained(AccountID)
    /// A piece begins at another place than the one before it ends.
    case pieceMissing(after: TransferID)
    /// A piece begins with another name, kind or sum of the account than the one before it ends with.
    case accountDiffers(AccountID)
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

  /// What a transfer moved.
  private struct Movement {
    let debit: AccountID
    let credit: AccountID
    let amount: Credits
  }

  /// Where the first piece begins; nil before there is one.
  public private(set) var base: JournalPosition?
  /// Behind the last transfer that was read.
  public private(set) var head = JournalPosition.beginning()
  /// How many transfers were read.
  public private(set) var count: UInt64 = 0
  private var lines: [Line] = []
  private var sums: [Sums] = []
  /// Transfers that could still be taken back.
  private var reversible: [TransferID: Movement] = [:]
  /// Transfers from before the first piece that were taken back.
  private var takenBack: Set<TransferID> = []

  /// An audit of nothing yet.
  public init() {}

  /// How many accounts there are.
  public var accounts: Int { lines.count }

  /// The first transfer of the first piece: whole is what begins with 1.
  public var first: TransferID { TransferID((base?.transfer.rawValue ?? 0) + 1) }

  /// Begins a piece: the first, at a place in the journal, or one that goes on where the one before it was finished.
  ///
  /// - Parameters:
  ///   - lines: all accounts, in the order of their numbers.
  ///   - place: where the piece begins.
  /// - Throws: `Fault`.
  public mutating func begin(_ lines: [Line], from place: JournalPosition) throws(Fault) {
    var debits: UInt128 = 0
    var credits: UInt128 = 0
    for (number, line) in lines.enumerated() {
      let id = AccountID(UInt64(number) + 1)
      guard line.account == id else { throw .accountMissing(id) }
      guard line.kind == .issuance || line.opening.debits <= line.opening.credits else {
        throw .openingUnexplained(id)
      }
      debits += UInt128(line.opening.debits.rawValue)
      credits += UInt128(line.opening.credits.rawValue)
    }
    guard debits == credits else { throw .openingUnbalanced }
    if base == nil {
      if place.transfer == TransferID(0) {
        guard place == .beginning() else { throw .chainBroken }
        try requireNothing(of: lines[...])
      }
      base = place
      head = place
    } else {
      try requireSame(lines, from: place)
    }
    self.lines = lines
    sums = lines.map(\.opening)
  }

  /// What was finished, and new accounts behind it.
  private func requireSame(_ next: [Line], from place: JournalPosition) throws(Fault) {
    guard place == head else { throw .pieceMissing(after: head.transfer) }
    guard next.count >= lines.count else {
      throw .accountMissing(AccountID(UInt64(next.count) + 1))
    }
    for (line, earlier) in zip(next, lines)
    where line.name != earlier.name || line.kind != earlier.kind || line.opening != earlier.closing
    { throw .accountDiffers(line.account) }
    try requireNothing(of: next[lines.count...])
  }

  private func requireNothing(of lines: ArraySlice<Line>) throws(Fault) {
    for line in lines where line.opening != .zero { throw .openingUnexplained(line.account) }
  }

  /// Takes the next transfer.
  public mutating func read(_ transfer: Transfer) throws(Fault) {
    let id = transfer.id
    let expected = TransferID(head.transfer.rawValue + 1)
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
    guard (transfer.kind == .reversal) == (transfer.reverses != nil) else {
      throw .badReversal(id)
    }
    if let earlier = transfer.reverses {
      guard takeBack(earlier, by: transfer) else { throw .badReversal(id) }
    } else if !isSale {
      reversible[id] = Movement(
        debit: transfer.debit, credit: transfer.credit, amount: transfer.amount)
    }
    head = head.advanced(by: transfer)
    count += 1
  }

  /// Whether a transfer may be taken back by this one, which it then is.
  private mutating func takeBack(_ earlier: TransferID, by transfer: Transfer) -> Bool {
    if let taken = reversible.removeValue(forKey: earlier) {
      return taken.amount == transfer.amount && taken.debit == transfer.credit
        && taken.credit == transfer.debit
    }
    // One from before the first piece cannot be looked at; that it is there is the chain's word, where a chain was.
    guard let base, base != .beginning(after: base.transfer), earlier > TransferID(0),
      earlier <= base.transfer
    else { return false }
    return takenBack.insert(earlier).inserted
  }

  /// Ends a piece where the journal says that it ends.
  public func finish(at end: JournalPosition) throws(Fault) {
    guard head == end else { throw .chainBroken }
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
