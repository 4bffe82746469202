internal import ExchangeTypes
internal import JobMarket

/// A model as an account's: what it posts about it, or sells of it.
struct ModelOfAccount: Hashable, Sendable {
  let account: AccountID
  let model: String
}

/// The row of table 40: what a supplier posts about a model; where nothing is posted there is none.
struct PostedAsk: Hashable, Sendable {
  let number: UInt64
  let account: AccountID
  let model: String
  var terms: AskTerms

  var name: ModelOfAccount { ModelOfAccount(account: account, model: model) }
}

extension PostedAsk: StoredRow {
  static var table: Table { .postedAsks }
  var rowKey: UInt64 { number }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(model)
    var fields = FieldWriter(capacity: 64)
    terms.encode(into: &fields)
    writer.writeRaw(fields.out.bytes)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    self.init(
      number: key, account: try reader.readID(),
      model: try reader.readString(limit: Offer.modelBytesMax), terms: try AskTerms(from: &reader))
    guard terms.flaw == nil else { throw .unknownValue(offset: at, value: key) }
  }
}
