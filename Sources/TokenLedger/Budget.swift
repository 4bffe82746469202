public import ExchangeTypes

/// The most that may be spent; nil where there is no such limit.
public struct BudgetLimits: Hashable, Sendable {
  /// In a day of log time.
  public let perDay: Credits?
  /// In a month of log time: 30 days.
  public let perMonth: Credits?
  /// Ever.
  public let total: Credits?

  /// Joins the parts.
  public init(perDay: Credits? = nil, perMonth: Credits? = nil, total: Credits? = nil) {
    self.perDay = perDay
    self.perMonth = perMonth
    self.total = total
  }

  /// The one of a window.
  public func limit(of window: BudgetWindow) -> Credits? {
    switch window {
    case .day: perDay
    case .month: perMonth
    case .total: total
    }
  }
}

/// A span of log time that a limit is for.
public enum BudgetWindow: UInt8, Hashable, Sendable, CaseIterable {
  /// 24 hours, the first beginning with the log's time.
  case day = 1
  /// 30 days.
  case month = 2
  /// All time.
  case total = 3

  /// Its length in milliseconds; nil if it does not end.
  var length: UInt64? {
    switch self {
    case .day: 86_400_000
    case .month: 30 * 86_400_000
    case .total: nil
    }
  }

  /// Which one of its kind a time is in.
  func number(at time: LogTime) -> UInt64 { length.map { time.rawValue / $0 } ?? 0 }

  /// When the one ends that a time is in; nil if it does not.
  public func end(after time: LogTime) -> LogTime? {
    length.map {
      let start = LogTime(milliseconds: number(at: time) * $0)
      return start.advanced(milliseconds: $0)
    }
  }
}

/// Why a budget does not allow a hold.
public enum BudgetRefusal: Error, Hashable, Sendable {
  /// It is closed.
  case closed(BudgetID)
  /// Less is left than the hold.
  case exceeded(BudgetID, BudgetWindow, needed: Credits, left: Credits)
}

/// What may be spent at one place of a tree, and what has been.
///
/// Invariant, for every limit that has not been lowered since: what is held now and what was spent in the
/// window that the time is in are together no more than the limit. A hold is checked against all three windows
/// whole, and settling moves at most the hold from held to spent, so nothing is spent beyond a limit,
/// whichever windows a job begins and ends in.
public struct Budget: Hashable, Sendable {
  /// Its number.
  public let id: BudgetID
  /// The budget that it is a part of; nil for the top of a tree.
  public let parent: BudgetID?
  /// Who pays.
  public let account: AccountID
  /// Whose it is.
  public let level: BudgetLevel
  /// A name for people.
  public let name: String
  /// The key that draws on it, at the level of keys.
  public let key: KeyID?
  /// What it allows.
  public var limits: BudgetLimits
  /// Whether it allows nothing at all.
  public var isClosed: Bool
  /// Held for open jobs: it follows from these, and is not in what is stored.
  public private(set) var held: Credits
  /// Ever spent.
  public private(set) var spent: Credits
  private var day: UInt64
  private var spentInDay: Credits
  private var month: UInt64
  private var spentInMonth: Credits

  /// A budget of which nothing is spent.
  public init(
    id: BudgetID, parent: BudgetID?, account: AccountID, level: BudgetLevel, name: String,
    key: KeyID?, limits: BudgetLimits
  ) {
    self.id = id
    self.parent = parent
    self.account = account
    self.level = level
    self.name = name
    self.key = key
    self.limits = limits
    isClosed = false
    held = .zero
    spent = .zero
    day = 0
    spentInDay = .zero
    month = 0
    spentInMonth = .zero
  }

  /// What was spent in the window that a time is in.
  public func spent(in window: BudgetWindow, at time: LogTime) -> Credits {
    switch window {
    case .day: window.number(at: time) == day ? spentInDay : .zero
    case .month: window.number(at: time) == month ? spentInMonth : .zero
    case .total: spent
    }
  }

  /// The limit of a window.
  public func limit(of window: BudgetWindow) -> Credits? { limits.limit(of: window) }

  /// What may still be held in a window; nil if it has no limit.
  public func left(in window: BudgetWindow, at time: LogTime) -> Credits? {
    limit(of: window).map { limit in
      // Each of the two is at most what accounts have, so the sum may not fit: then nothing is left.
      guard let used = spent(in: window, at: time).adding(held) else { return .zero }
      return limit.subtracting(used) ?? .zero
    }
  }

  /// Why so much cannot be held now: it is closed, then by day, month and total; nil if it can.
  public func refusal(ofHold amount: Credits, at time: LogTime) -> BudgetRefusal? {
    guard !isClosed else { return .closed(id) }
    for window in BudgetWindow.allCases {
      guard let left = left(in: window, at: time), amount > left else { continue }
      return .exceeded(id, window, needed: amount, left: left)
    }
    // Holds are within what accounts have; a sum beyond 64 bits is one that no account has.
    return held.adding(amount) == nil ? .exceeded(id, .total, needed: amount, left: .zero) : nil
  }

  /// Sets so much aside.
  ///
  /// - Precondition: `refusal(ofHold:at:)` has none.
  public mutating func hold(_ amount: Credits) {
    guard let sum = held.adding(amount) else { preconditionFailure("a hold was not checked") }
    held = sum
  }

  /// Sets what is held in all, as it follows from the open jobs: after a restart.
  public mutating func restoreHeld(_ amount: Credits) { held = amount }

  /// Closes a hold of which so much was spent.
  ///
  /// - Precondition: it is open, and covers what was spent.
  public mutating func settle(hold amount: Credits, spending charge: Credits, at time: LogTime) {
    precondition(charge <= amount, "a capture is never more than its hold")
    guard let rest = held.subtracting(amount) else {
      preconditionFailure("a budget holds less than its jobs do")
    }
    held = rest
    guard charge > .zero else { return }
    spentInDay = sum(spent(in: .day, at: time), charge)
    day = BudgetWindow.day.number(at: time)
    spentInMonth = sum(spent(in: .month, at: time), charge)
    month = BudgetWindow.month.number(at: time)
    spent = sum(spent, charge)
  }

  /// What is spent is debited to an account, whose sum fits in 64 bits.
  private func sum(_ spent: Credits, _ charge: Credits) -> Credits {
    guard let sum = spent.adding(charge) else {
      preconditionFailure("a budget has spent more than its account")
    }
    return sum
  }
}

extension Budget {
  /// Writes all fields but the number and what is held, in whose place is zero, in the canonical encoding.
  public func write(to writer: inout CanonicalWriter) {
    writer.write(parent) { $0.write($1.rawValue) }
    writer.write(account.rawValue)
    writer.write(level.rawValue)
    writer.write(name)
    writer.write(key) { $0.write($1.rawValue) }
    for limit in [limits.perDay, limits.perMonth, limits.total] {
      writer.write(limit) { $0.write($1.rawValue) }
    }
    writer.write(isClosed)
    for amount in [Credits.zero, spent] { writer.write(amount.rawValue) }
    writer.write(day)
    writer.write(spentInDay.rawValue)
    writer.write(month)
    writer.write(spentInMonth.rawValue)
  }

  /// Reads what `write(to:)` writes.
  ///
  /// - Parameters:
  ///   - id: its number.
  ///   - nameBytesMax: the longest name, in bytes of UTF-8.
  ///   - reader: where the fields are.
  /// - Throws: `CanonicalError` if they are not such fields.
  public init(
    id: BudgetID, nameBytesMax: Int, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    func number(_ reader: inout CanonicalReader) throws(CanonicalError) -> UInt64 {
      try reader.read(UInt64.self)
    }
    func amount(_ reader: inout CanonicalReader) throws(CanonicalError) -> Credits {
      Credits(nano: try reader.read(UInt64.self))
    }
    let parent = try reader.readOptional(number)
    let account = try number(&reader)
    let at = reader.offset
    let levelValue = try reader.read(UInt8.self)
    guard let level = BudgetLevel(rawValue: levelValue) else {
      throw .unknownValue(offset: at, value: UInt64(levelValue))
    }
    let name = try reader.readString(limit: nameBytesMax)
    let key = try reader.readOptional(number)
    let limits = BudgetLimits(
      perDay: try reader.readOptional(amount), perMonth: try reader.readOptional(amount),
      total: try reader.readOptional(amount))
    self.init(
      id: id, parent: parent.map { BudgetID($0) }, account: AccountID(account), level: level,
      name: name, key: key.map { KeyID($0) }, limits: limits)
    isClosed = try reader.readBool()
    _ = try amount(&reader)  // what was held when holds were stored; they follow from the jobs
    spent = try amount(&reader)
    day = try number(&reader)
    spentInDay = try amount(&reader)
    month = try number(&reader)
    spentInMonth = try amount(&reader)
  }
}
