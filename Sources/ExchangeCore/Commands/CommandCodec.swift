internal import ExchangeTypes
internal import JobMarket

extension Command {
  /// Writes the code and the fields.
  func encode(into writer: inout FieldWriter) {
    writer.write(code)
    switch self {
    case .bootstrap(let command): command.encode(into: &writer)
    case .pulse: break
    case .accountCreate(let command): command.encode(into: &writer)
    case .accountCredit(let command): command.encode(into: &writer)
    case .keyCreate(let command): command.encode(into: &writer)
    case .keyRevoke(let command): command.encode(into: &writer)
    case .payloadPart(let command): command.encode(into: &writer)
    case .submit(let command): command.encode(into: &writer)
    case .assign(let command): command.encode(into: &writer)
    case .checkpoint(let command): command.encode(into: &writer)
    case .settle(let command): command.encode(into: &writer)
    case .cancel(let command): command.encode(into: &writer)
    case .attemptLost(let command): command.encode(into: &writer)
    case .workerRegister(let command): command.encode(into: &writer)
    case .workerGone(let command): command.encode(into: &writer)
    case .purge(let command): command.encode(into: &writer)
    case .raiseStateVersion(let command): writer.write(command.to)
    case .orphan(let command): writer.write(command.job)
    case .adopt(let command): command.encode(into: &writer)
    case .cancelMany(let command): command.encode(into: &writer)
    case .submitAssigned(let command): command.encode(into: &writer)
    case .invite(let command): command.encode(into: &writer)
    case .join(let command): command.encode(into: &writer)
    case .renewCertificate(let command): command.encode(into: &writer)
    case .revokeCertificate(let command): command.encode(into: &writer)
    case .keyIssue(let command): command.encode(into: &writer)
    case .keyRotate(let command): command.encode(into: &writer)
    case .keysUsed(let command): command.encode(into: &writer)
    case .wrappingKeyAnnounce(let command): writer.write(command.key)
    case .retentionSet(let command): command.encode(into: &writer)
    case .submitRetained(let command): command.encode(into: &writer)
    case .goesOnFromIDs(let command): command.encode(into: &writer)
    case .keyLimit(let command): command.encode(into: &writer)
    case .keyIssueLimited(let command): command.encode(into: &writer)
    case .submitOnTerms(let command): command.encode(into: &writer)
    case .transfer(let command): command.encode(into: &writer)
    case .transferReverse(let command): command.encode(into: &writer)
    case .accountClose(let command): command.encode(into: &writer)
    case .feeSet(let command): command.encode(into: &writer)
    case .budgetCreate(let command): command.encode(into: &writer)
    case .budgetSet(let command): command.encode(into: &writer)
    case .keyIssueBudgeted(let command): command.encode(into: &writer)
    case .delegationKeySet(let command): command.encode(into: &writer)
    case .delegationAdmit(let command): command.encode(into: &writer)
    case .delegationRevoke(let command): command.encode(into: &writer)
    case .askSet(let command): command.encode(into: &writer)
    case .settleCached(let command): command.encode(into: &writer)
    case .settleSigned(let command): command.encode(into: &writer)
    case .submitInClass(let command): command.encode(into: &writer)
    case .attemptPreempted(let command): writer.write(command.attempt)
    case .accountWeigh(let command): command.encode(into: &writer)
    case .accountOwnerSet(let command): command.encode(into: &writer)
    case .settleReasoned(let command): command.encode(into: &writer)
    }
  }

  /// Reads a code and its fields; a code that this program does not know is an error.
  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    let code = try reader.read(UInt8.self)
    switch code {
    case 1: self = .bootstrap(try Bootstrap(from: &reader))
    case 2: self = .pulse
    case 3: self = .accountCreate(try AccountCreate(from: &reader))
    case 4: self = .accountCredit(try AccountCredit(from: &reader))
    case 5: self = .keyCreate(try KeyCreate(from: &reader))
    case 6: self = .keyRevoke(try KeyRevoke(from: &reader))
    case 7: self = .payloadPart(try PayloadPart(from: &reader))
    case 8: self = .submit(try Submit(from: &reader))
    case 9: self = .assign(try Assign(from: &reader))
    case 10: self = .checkpoint(try Checkpoint(from: &reader))
    case 11: self = .settle(try Settle(from: &reader))
    case 12: self = .cancel(try Cancel(from: &reader))
    case 13: self = .attemptLost(try AttemptLost(from: &reader))
    case 14: self = .workerRegister(try WorkerRegister(from: &reader))
    case 15: self = .workerGone(try WorkerGone(from: &reader))
    case 16: self = .purge(try Purge(from: &reader))
    case 17: self = .raiseStateVersion(RaiseStateVersion(to: try reader.read()))
    case 18: self = .orphan(Orphan(job: try reader.readID()))
    case 19: self = .adopt(try Adopt(from: &reader))
    case 20: self = .cancelMany(try CancelMany(from: &reader))
    case 21: self = .submitAssigned(try SubmitAssigned(from: &reader))
    case 22: self = .invite(try Invite(from: &reader))
    case 23: self = .join(try Join(from: &reader))
    case 24: self = .renewCertificate(try RenewCertificate(from: &reader))
    case 25: self = .revokeCertificate(try RevokeCertificate(from: &reader))
    case 28: self = .keyIssue(try KeyIssue(from: &reader))
    case 29: self = .keyRotate(try KeyRotate(from: &reader))
    case 30: self = .keysUsed(try KeysUsed(from: &reader))
    case 31: self = .wrappingKeyAnnounce(WrappingKeyAnnounce(key: try reader.read()))
    case 32: self = .retentionSet(try RetentionSet(from: &reader))
    case 33: self = .submitRetained(try SubmitRetained(from: &reader))
    case 43: self = .goesOnFromIDs(try GoesOnFromIDs(from: &reader))
    case 46: self = .delegationKeySet(try DelegationKeySet(from: &reader))
    case 47: self = .delegationAdmit(try DelegationAdmit(from: &reader))
    case 48: self = .delegationRevoke(try DelegationRevoke(from: &reader))
    case 60: self = .keyLimit(try KeyLimit(from: &reader))
    case 61: self = .keyIssueLimited(try KeyIssueLimited(from: &reader))
    case 62: self = .submitOnTerms(try SubmitOnTerms(from: &reader))
    case 67: self = .transfer(try TransferRequest(from: &reader))
    case 68: self = .transferReverse(try TransferReverse(from: &reader))
    case 69: self = .accountClose(try AccountClose(from: &reader))
    case 70: self = .feeSet(try FeeSet(from: &reader))
    case 71: self = .budgetCreate(try BudgetCreate(from: &reader))
    case 72: self = .budgetSet(try BudgetSet(from: &reader))
    case 73: self = .keyIssueBudgeted(try KeyIssueBudgeted(from: &reader))
    case 74: self = .askSet(try AskSet(from: &reader))
    case 75: self = .settleCached(try SettleCached(from: &reader))
    case 76: self = .settleSigned(try SettleSigned(from: &reader))
    case 80: self = .submitInClass(try SubmitInClass(from: &reader))
    case 81: self = .attemptPreempted(AttemptPreempted(attempt: try reader.readAttempt()))
    case 82: self = .accountWeigh(try AccountWeigh(from: &reader))
    case 89: self = .accountOwnerSet(try AccountOwnerSet(from: &reader))
    case 90: self = .settleReasoned(try SettleReasoned(from: &reader))
    default: throw .unknownValue(offset: at, value: UInt64(code))
    }
  }
}

extension Command.Bootstrap {
  func encode(into writer: inout FieldWriter) {
    writer.write(clusterID.rawValue)
    writer.writeHash(rootSecretHash)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(clusterID: ClusterID(try reader.read()), rootSecretHash: try reader.readHash())
  }
}

extension Command.AccountCreate {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(name, limit: Command.Limits.nameBytesMax)
    writer.write(kind.rawValue)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax), kind: try reader.readCase())
  }
}

extension Command.AccountCredit {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(account)
    writer.write(amount.rawValue)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      account: try reader.readID(), amount: try reader.readCredits())
  }
}

extension Command.KeyCreate {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(account)
    writer.write(name, limit: Command.Limits.nameBytesMax)
    writer.write(scopes.rawValue)
    writer.writeHash(secretHash)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      account: try reader.readID(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax),
      scopes: try reader.readScopes(), secretHash: try reader.readHash())
  }
}

extension Command.KeyRevoke {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(key)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), key: try reader.readID())
  }
}

extension Command.PayloadPart {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(part)
    writer.write(of)
    writer.write(bytes, limit: Command.Limits.partBytesMax)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      part: try reader.read(), of: try reader.read(),
      bytes: try reader.readBytes(limit: Command.Limits.partBytesMax))
  }
}

extension Command.Submit {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.writeHash(bodyHash)
    writer.write(mode.rawValue)
    writer.write(endpoint.rawValue)
    writer.write(model, limit: Offer.modelBytesMax)
    writer.write(promptBound.rawValue)
    writer.write(outputMax) { $0.write($1.rawValue) }
    writer.write(inputCeiling) { $0.write($1.rawValue) }
    writer.write(outputCeiling) { $0.write($1.rawValue) }
    writer.write(queueTimeoutMilliseconds)
    writer.write(wrappedKey, limit: Command.Limits.wrappedKeyBytesMax)
    let form = contextUse == nil ? UInt8(0) : Payload.formsFollowed
    switch payload {
    case .inline(let bytes):
      writer.write(form + 1)
      writer.write(bytes, limit: Command.Limits.inlineBytesMax)
    case .parts(let count):
      writer.write(form + 2)
      writer.write(count)
    }
    contextUse?.encode(into: &writer.out)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    var isFollowed = false
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      bodyHash: try reader.readHash(), mode: try reader.readCase(),
      endpoint: try reader.readCase(), model: try reader.readString(limit: Offer.modelBytesMax),
      promptBound: try reader.readTokens(), outputMax: try reader.readOptional(tokens),
      inputCeiling: try reader.readOptional(price), outputCeiling: try reader.readOptional(price),
      queueTimeoutMilliseconds: try reader.read(),
      wrappedKey: try reader.readBytes(limit: Command.Limits.wrappedKeyBytesMax),
      payload: try Payload(from: &reader, isFollowed: &isFollowed),
      contextUse: isFollowed ? try ContextUse(from: &reader) : nil)
  }
}

extension Command.Submit.Payload {
  /// Forms above this one say that the submit goes on behind its payload, as some do since state version 3.
  fileprivate static let formsFollowed: UInt8 = 2

  fileprivate init(
    from reader: inout CanonicalReader, isFollowed: inout Bool
  ) throws(CanonicalError) {
    let at = reader.offset
    let form = try reader.read(UInt8.self)
    isFollowed = form > Self.formsFollowed
    switch isFollowed ? form - Self.formsFollowed : form {
    case 1: self = .inline(try reader.readBytes(limit: Command.Limits.inlineBytesMax))
    case 2: self = .parts(try reader.read())
    default: throw .unknownValue(offset: at, value: UInt64(form))
    }
  }
}

extension ContextUse {
  func encode(into writer: inout CanonicalWriter) {
    writer.write(prompt.rawValue)
    writer.write(answers)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let prompt = try reader.readTokens()
    let at = reader.offset
    let answers: UInt32 = try reader.read()
    guard answers > 0 else { throw .unknownValue(offset: at, value: 0) }
    self.init(prompt: prompt, answers: answers)
  }
}

extension Command.Cancel {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(job)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), job: try reader.readID())
  }
}

extension Command.CancelMany {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(jobs, limit: Command.Limits.jobsMax) { $0.write($1) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), jobs: try reader.readJobs())
  }
}

extension Command.Purge {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(jobs, limit: Command.Limits.jobsMax) { $0.write($1) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), jobs: try reader.readJobs())
  }
}

extension Command.Adopt {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller) { $0.write($1) }
    writer.write(job)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readOptional(key), job: try reader.readID())
  }
}

extension CanonicalReader {
  fileprivate mutating func readJobs() throws(CanonicalError) -> [JobID] {
    try readList(limit: Command.Limits.jobsMax, elementBytesMin: 8) {
      (reader: inout CanonicalReader) throws(CanonicalError) in try reader.readID(JobID.self)
    }
  }
}

func tokens(_ reader: inout CanonicalReader) throws(CanonicalError) -> TokenCount {
  try reader.readTokens()
}

private func price(_ reader: inout CanonicalReader) throws(CanonicalError) -> Price {
  try reader.readPrice()
}

private func key(_ reader: inout CanonicalReader) throws(CanonicalError) -> KeyID {
  try reader.readID()
}
