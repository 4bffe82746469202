internal import ExchangeTypes
internal import JobMarket
internal import TokenLedger

extension Meta: StoredRow {
  static var table: Table { .meta }
  var rowKey: UInt64 { 0 }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(clusterID) { $0.write($1.rawValue) }
    writer.write(stateVersion)
    writer.write(logTime.rawValue)
    writer.write(nextKey.rawValue)
    writer.write(nextJob.rawValue)
    writer.write(nextTransfer.rawValue)
    writer.write(nextWorker.rawValue)
    writer.write(nextUpload)
    writer.write(nextRequest)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    guard key == 0 else { throw .unknownValue(offset: 0, value: key) }
    clusterID = try reader.readOptional {
      (reader: inout CanonicalReader) throws(CanonicalError) in ClusterID(try reader.read())
    }
    stateVersion = try reader.read()
    logTime = try reader.readTime()
    nextKey = try reader.readID()
    nextJob = try reader.readID()
    nextTransfer = try reader.readID()
    nextWorker = try reader.readID()
    nextUpload = try reader.read()
    nextRequest = try reader.read()
  }
}

extension Account: StoredRow {
  static var table: Table { .accounts }
  static var versionMax: UInt8 { 2 }
  /// 2 if it is closed.
  var version: UInt8 { isClosed ? 2 : 1 }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(name)
    writer.write(kind.rawValue)
    writer.write(debitsPosted.rawValue)
    writer.write(creditsPosted.rawValue)
    writer.write(debitsHeld.rawValue)
    writer.write(creditsEarned.rawValue)
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) { self = closed }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    let account = Account(
      id: AccountID(key), name: try reader.readString(limit: Command.Limits.nameBytesMax),
      kind: try reader.readCase(), debitsPosted: try reader.readCredits(),
      creditsPosted: try reader.readCredits(), debitsHeld: try reader.readCredits(),
      creditsEarned: try reader.readCredits())
    guard let account else { throw .unknownValue(offset: at, value: key) }
    self = account
  }
}

extension Transfer: StoredRow {
  static var table: Table { .transfers }
  static var versionMax: UInt8 { 2 }
  /// 2 if it was posted with others, or takes one back.
  var version: UInt8 { group == nil && reverses == nil ? 1 : 2 }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(debit.rawValue)
    writer.write(credit.rawValue)
    writer.write(amount.rawValue)
    writer.write(kind.rawValue)
    writer.write(job) { $0.write($1.rawValue) }
    writer.write(time.rawValue)
    guard version > 1 else { return }
    writer.write(group) { $0.write($1.rawValue) }
    writer.write(reverses) { $0.write($1.rawValue) }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    let at = reader.offset
    self = Transfer(
      id: id, debit: debit, credit: credit, amount: amount, kind: kind, job: job, time: time,
      group: try reader.readOptional(transferID), reverses: try reader.readOptional(transferID))
    guard self.version > 1 else { throw .unknownValue(offset: at, value: 2) }
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      id: TransferID(key), debit: try reader.readID(), credit: try reader.readID(),
      amount: try reader.readCredits(), kind: try reader.readCase(),
      job: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.readID(JobID.self)
      }, time: try reader.readTime())
  }
}

extension APIKey: StoredRow {
  static var table: Table { .keys }
  static var versionMax: UInt8 { 2 }
  /// 2 if it expires, was rotated or was seen in use.
  var version: UInt8 { expiry == nil && former == nil && lastUsed == nil ? 1 : 2 }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(name)
    writer.write(scopes.rawValue)
    writer.writeRaw(secretHash)
    writer.write(revoked)
    guard version > 1 else { return }
    writer.write(expiry) { $0.write($1.rawValue) }
    writer.write(former) {
      $0.writeRaw($1.hash)
      $0.write($1.until.rawValue)
    }
    writer.write(lastUsed) { $0.write($1.rawValue) }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    let at = reader.offset
    expiry = try reader.readOptional(time)
    former = try reader.readOptional {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      FormerSecret(hash: try reader.readHash(), until: try reader.readTime())
    }
    lastUsed = try reader.readOptional(time)
    guard self.version > 1 else { throw .unknownValue(offset: at, value: 2) }
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      id: KeyID(key), account: try reader.readID(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax),
      scopes: try reader.readScopes(), secretHash: try reader.readHash(),
      revoked: try reader.readBool())
  }
}

extension Worker: StoredRow {
  static var table: Table { .workers }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(name)
    writer.write(incarnation)
    writer.write(offers) { writer, offer in
      var fields = FieldWriter(capacity: 128)
      offer.encode(into: &fields)
      writer.writeRaw(fields.out.bytes)
    }
    writer.write(askVersions) { $0.write($1) }
    writer.write(askVersionLast)
    writer.write(draining)
    writer.write(online)
    writer.write(changedAt.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    self.init(
      id: WorkerID(key), account: try reader.readID(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax),
      incarnation: try reader.read(), offers: try reader.readOffers(),
      askVersions: try reader.readList(limit: Command.Limits.offersMax, elementBytesMin: 4) {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.read(UInt32.self)
      }, askVersionLast: try reader.read(), draining: try reader.readBool(),
      online: try reader.readBool(), changedAt: try reader.readTime())
    guard offers.count == askVersions.count, offers.allSatisfy({ $0.flaw == nil }) else {
      throw .unknownValue(offset: at, value: key)
    }
  }
}

extension Tombstone: StoredRow {
  static var table: Table { .tombstones }
  static var versionMax: UInt8 { 2 }
  /// 2 if a delegated key had submitted it.
  var version: UInt8 { delegatedKey == nil ? 1 : 2 }
  var rowKey: UInt64 { job.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.writeRaw(bodyHash)
    writer.write(state.rawValue)
    writer.write(charge.rawValue)
    writer.write(expiry.rawValue)
    if let delegatedKey { writer.write(delegatedKey.rawValue) }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) { delegatedKey = try reader.readID() }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      job: JobID(key), account: try reader.readID(), requestKey: try reader.readRequestKey(),
      bodyHash: try reader.readHash(), state: try reader.readCase(),
      charge: try reader.readCredits(), expiry: try reader.readTime())
  }
}

extension AccountRequest: StoredRow {
  static var table: Table { .accountRequests }
  var rowKey: UInt64 { number }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.writeRaw(bodyHash)
    switch result {
    case .account(let id):
      writer.write(UInt8(1))
      writer.write(id.rawValue)
    case .credit(let id):
      writer.write(UInt8(2))
      writer.write(id.rawValue)
    case .key(let id):
      writer.write(UInt8(3))
      writer.write(id.rawValue)
    case .transfers(let first, let count):
      writer.write(UInt8(4))
      writer.write(first.rawValue)
      writer.write(count)
    case .budget(let id):
      writer.write(UInt8(5))
      writer.write(id.rawValue)
    }
    writer.write(expiry.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      number: key, account: try reader.readID(), requestKey: try reader.readRequestKey(),
      bodyHash: try reader.readHash(), result: try Result(from: &reader),
      expiry: try reader.readTime())
  }
}

extension AccountRequest.Result {
  fileprivate init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    let kind = try reader.read(UInt8.self)
    switch kind {
    case 1: self = .account(try reader.readID())
    case 2: self = .credit(try reader.readID())
    case 3: self = .key(try reader.readID())
    case 4: self = .transfers(first: try reader.readID(), count: try reader.read())
    case 5: self = .budget(try reader.readID())
    default: throw .unknownValue(offset: at, value: UInt64(kind))
    }
  }
}

extension Upload: StoredRow {
  static var table: Table { .uploads }
  var rowKey: UInt64 { number }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(of)
    writer.write(stored)
    writer.write(bytes)
    writer.write(expiry.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      number: key, account: try reader.readID(), requestKey: try reader.readRequestKey(),
      of: try reader.read(), stored: try reader.read(), bytes: try reader.read(),
      expiry: try reader.readTime())
  }
}
