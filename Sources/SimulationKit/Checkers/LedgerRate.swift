internal import ExchangeTypes
internal import TokenLedger

/// The load of a measurement: jobs that are held, captured and split, as an exchange does it.
public enum LedgerRate {
  /// Posts and chains `count` transfers between a thousand consumers, ten suppliers and the operator.
  public static func post(_ count: Int) {
    var ledger = Ledger()
    let time = LogTime(milliseconds: 0)
    do throws(LedgerRefusal) {
      let issuance = try ledger.open(name: "issuance", kind: .issuance)
      let fees = try ledger.open(name: "fees", kind: .fees)
      var consumers: [AccountID] = []
      var suppliers: [AccountID] = []
      for number in 0..<1_000 {
        let id = try ledger.open(name: "c\(number)", kind: .consumer)
        consumers.append(id)
        _ = try ledger.post(
          debit: issuance, credit: id, amount: Credits(nano: 1 << 40), kind: .credit, time: time)
      }
      for number in 0..<10 {
        suppliers.append(try ledger.open(name: "s\(number)", kind: .supplier))
      }
      var place = JournalPosition.beginning(after: TransferID(1_000))
      var posted = 0
      while posted < count {
        let consumer = consumers[posted % consumers.count]
        let hold = Credits(nano: 1_000)
        try ledger.hold(hold, on: consumer)
        let parts = Share.divide(731, by: [975_000, 25_000])
        let transfers = try ledger.close(
          hold: hold, on: consumer,
          paying: [
            Payment(
              to: suppliers[posted % suppliers.count], amount: Credits(nano: parts[0]),
              kind: .capture),
            Payment(to: fees, amount: Credits(nano: parts[1]), kind: .fee),
          ], job: JobID(UInt64(posted)), time: time)
        for transfer in transfers { place = place.advanced(by: transfer) }
        posted += transfers.count
        _ = ledger.takeTouched()
      }
    } catch {
      preconditionFailure("the load of the measurement was refused: \(error)")
    }
  }
}
