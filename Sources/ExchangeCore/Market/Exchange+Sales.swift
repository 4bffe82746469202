public import ExchangeTypes
public import JobMarket
internal import TokenLedger

// What was sold, by supplier, model and hour; since state version 3.
extension Exchange {
  /// Notes what an ended job was billed, and what it paid: in the index, and as lines of the journal.
  ///
  /// Its prices are those of the attempt that is billed; who delivered before it has earned his share. What accounts of the
  /// supplier's owner buy makes no price, and what they pay is earned all the same.
  mutating func noteSale(of job: Job, _ bill: Bill, by attempt: Attempt, _ paid: [Transfer]) {
    guard meta.stateVersion >= Self.marketStateVersion else { return }
    if bill.promptTokens > .zero || bill.outputTokens > .zero {
      let delivered = sales(of: job, bill, by: attempt)
      let lines = delivered.map {
        ledger.note($0.sale, of: job.account, by: $0.supplier, job: job.id, time: meta.logTime)
      }
      journal(lines)
      let cachedPrice = cachedPrompt(of: job.id)?.price(of: attempt) ?? attempt.prices.input
      for (supplier, sale) in delivered {
        updateSales(of: supplier, model: job.model) {
          if sale.isOwn {
            $0.addOwn(
              tokens: TokenCount(sale.promptTokens.rawValue + sale.outputTokens.rawValue))
          } else {
            $0.add(
              promptTokens: TokenCount(sale.promptTokens.rawValue - sale.cachedTokens.rawValue),
              cachedTokens: sale.cachedTokens, at: cachedPrice, outputTokens: sale.outputTokens,
              at: attempt.prices)
          }
        }
      }
    }
    for transfer in paid where transfer.kind == .capture {
      updateSales(of: transfer.credit, model: job.model) { $0.add(earned: transfer.amount) }
    }
  }

  /// What a job delivered: one line; or two, what was sold and then what was of own use, where attempts of both kinds delivered.
  ///
  /// Tokens are divided by the bytes that each kind added, a half to what was sold; so no more are cached than there are. The charge is divided as
  /// it is paid. A line names the supplier that delivered last of its kind.
  private func sales(
    of job: Job, _ bill: Bill, by attempt: Attempt
  ) -> [(supplier: AccountID, sale: Sale)] {
    let parts = sharedContributions(of: job) ?? []
    let isOwn = parts.map { isOneOwner(job.account, $0.supplier) }
    guard isOwn.contains(true), isOwn.contains(false) else {
      let sale = Sale(
        promptTokens: bill.promptTokens, cachedTokens: bill.cachedTokens,
        outputTokens: bill.outputTokens, charge: bill.charge,
        isOwn: isOneOwner(job.account, attempt.supplier))
      return [(attempt.supplier, sale)]
    }
    let whole = parts.reduce(0) { $0 + $1.bytes }
    let own = zip(parts, isOwn).reduce(0) { $0 + ($1.1 ? $1.0.bytes : 0) }
    let charges = Share.divide(bill.charge.rawValue, by: parts.map(\.bytes))
    return [false, true].map { kind in
      func part(_ tokens: TokenCount) -> TokenCount {
        let divided = Share.divide(tokens.rawValue, taking: own, of: whole)
        return TokenCount(kind ? divided.part : divided.rest)
      }
      let places = parts.indices.filter { isOwn[$0] == kind }
      let sale = Sale(
        promptTokens: part(bill.promptTokens), cachedTokens: part(bill.cachedTokens),
        outputTokens: part(bill.outputTokens),
        charge: Credits(nano: places.reduce(0) { $0 + charges[$1] }), isOwn: kind)
      return (parts[places[places.count - 1]].supplier, sale)
    }
  }

  private mutating func updateSales(
    of account: AccountID, model: String, _ body: (inout Sales) -> Void
  ) {
    let name = ModelOfAccount(account: account, model: model)
    let interval = Sales.interval(at: meta.logTime)
    if let number = indexes.salesNow[name], sales[number]?.interval == interval {
      sales.update(number, body)
      return
    }
    var row = Sales(
      number: meta.takeRequestNumber(), account: account, model: model, interval: interval)
    body(&row)
    sales.insert(row)
    indexes.enter(row)
    dropOldSales(of: account)
  }

  /// Sales that nobody can ask about any more go, a few with each row that comes, so that an entry takes bounded time; and
  /// the oldest beyond what may be kept, of the account first, so that none displaces another's.
  private mutating func dropOldSales(of account: AccountID) {
    if let own = indexes.accounts[account]?.sales, own.count > limits.salesPerAccountMax,
      let oldest = own.first
    {
      dropSales(oldest)
    }
    for _ in 0..<limits.salesDroppedMax {
      guard let oldest = indexes.sales.first, let row = sales[oldest],
        indexes.sales.count > limits.salesMax || row.interval < firstIntervalKept
      else { return }
      dropSales(oldest)
    }
  }

  private mutating func dropSales(_ number: UInt64) {
    guard let row = sales.remove(number) else { preconditionFailure("an index without its row") }
    indexes.leave(row)
  }

  private var firstIntervalKept: UInt64 {
    let now = Sales.interval(at: meta.logTime)
    return now - min(now, Sales.intervalsKept - 1)
  }

  // MARK: Reads

  /// The price index of a model: the newest intervals in which it was sold, oldest first.
  public func priceHistory(model: String, intervals: Int) -> [PricePoint] {
    guard let numbers = indexes.salesOfModel[model] else { return [] }
    // From the newest back: who asks for an hour is not to cost a week.
    var newest: [Sales] = []
    var found = 0
    for number in numbers.descending {
      guard let sale = sales[number], isKept(sale) else { break }
      if newest.last?.interval != sale.interval { found += 1 }
      guard found <= intervals else { break }
      newest.append(sale)
    }
    return PricePoint.points(of: newest.reversed())
  }

  /// What a supplier sold, oldest first, from after a row on.
  public func sales(of account: AccountID, after number: UInt64 = 0, limit: Int) -> [Sales] {
    let numbers = indexes.accounts[account]?.sales.prefix(after: number, limit: limit) {
      sales[$0].map(isKept) == true
    }
    return numbers?.compactMap { sales[$0] } ?? []
  }

  /// Whether it can still be asked about: what is dropped a little later does not show.
  private func isKept(_ sale: Sales) -> Bool { sale.interval >= firstIntervalKept }
}

extension Meta {
  /// The number of the next row of those that are numbered together.
  mutating func takeRequestNumber() -> UInt64 {
    defer { nextRequest += 1 }
    return nextRequest
  }
}

extension Sales: StoredRow {
  static var table: Table { .sales }
  var rowKey: UInt64 { number }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(model)
    writer.write(interval)
    writer.write(jobs)
    for volume in [input, cached, output] {
      writer.write(volume.tokens)
      writer.write(volume.low.rawValue)
      writer.write(volume.high.rawValue)
      writer.write(volume.sum)
    }
    writer.write(earned.rawValue)
    writer.write(ownJobs)
    writer.write(ownTokens)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    func volume() throws(CanonicalError) -> PriceVolume {
      PriceVolume(
        tokens: try reader.read(), low: try reader.readPrice(), high: try reader.readPrice(),
        sum: try reader.read())
    }
    self.init(
      number: key, account: try reader.readID(),
      model: try reader.readString(limit: Offer.modelBytesMax), interval: try reader.read(),
      jobs: try reader.read(), input: try volume(), cached: try volume(), output: try volume(),
      earned: try reader.readCredits(), ownJobs: try reader.read(), ownTokens: try reader.read())
  }
}
