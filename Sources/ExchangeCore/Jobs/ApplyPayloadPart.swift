internal import ExchangeTypes

extension Exchange {
  /// Checks: caller, form, retry of a request that has its job (nothing is stored), and then for part 0
  /// `overloaded` (too many uploads), for others `wrong_state` (not the next part, or another
  /// number of parts).
  mutating func apply(_ command: Command.PayloadPart) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .submit)
    guard command.of >= 1, command.of <= Command.Limits.partsMax else {
      throw Rejection(
        .payloadTooLarge, ["parts": "\(command.of)", "limit": "\(Command.Limits.partsMax)"])
    }
    guard command.part < command.of, !command.bytes.isEmpty else {
      throw Rejection(.malformedRequest, ["field": command.bytes.isEmpty ? "bytes" : "part"])
    }
    let name = RequestName(account: caller.account, key: command.requestKey)
    guard indexes.jobRequests[name] == nil else { return .partsStored(command.part + 1) }
    let known = indexes.uploadRequests[name].flatMap { uploads[$0] }
    let expiry = meta.logTime.advanced(milliseconds: limits.uploadTimeout)
    let upload: Upload
    if command.part == 0 {
      try checkUploadRoom(for: caller.account, replacing: known)
      if let known { drop(known) }
      upload = Upload(
        number: takeUploadNumber(), account: caller.account, requestKey: command.requestKey,
        of: command.of, stored: 1, bytes: UInt64(command.bytes.count), expiry: expiry)
      uploads.insert(upload)
    } else {
      guard let known, known.stored == command.part, known.of == command.of else {
        throw Rejection(
          .wrongState,
          [
            "part": "\(command.part)", "expected": "\(known?.stored ?? 0)",
            "parts": "\(known?.of ?? command.of)",
          ])
      }
      var longer = known
      longer.stored += 1
      longer.bytes += UInt64(command.bytes.count)
      longer.expiry = expiry
      upload = longer
      indexes.leave(known)
      uploads.update(known.number) { $0 = longer }
    }
    indexes.enter(upload)
    pending.put(
      .payloadParts, key: PayloadReference.rowKey(upload: upload.number, part: command.part),
      value: command.bytes)
    return .partsStored(upload.stored)
  }

  private func checkUploadRoom(
    for account: AccountID, replacing known: Upload?
  ) throws(Rejection) {
    guard known == nil else { return }
    let own = indexes.accounts[account]?.uploads ?? 0
    guard own < limits.uploadsPerAccountMax else {
      throw Rejection(
        .overloaded, ["uploads": "\(own)", "limit": "\(limits.uploadsPerAccountMax)"])
    }
    guard uploads.count < limits.uploadsMax else {
      throw Rejection(
        .overloaded, ["uploads": "\(uploads.count)", "limit": "\(limits.uploadsMax)"])
    }
  }

  /// Gives out the number of an upload.
  mutating func takeUploadNumber() -> UInt64 {
    defer { meta.nextUpload += 1 }
    return meta.nextUpload
  }

  /// Forgets an upload and deletes its parts.
  mutating func drop(_ upload: Upload) {
    indexes.leave(upload)
    uploads.remove(upload.number)
    for part in 0..<upload.stored {
      pending.delete(
        .payloadParts, key: PayloadReference.rowKey(upload: upload.number, part: part))
    }
  }
}
