public import ExchangeTypes

extension KeyCreate {
  /// Asks for a key without a limit.
  ///
  /// - Parameters:
  ///   - requestKey: the caller's name for this request.
  ///   - account: whose key it becomes.
  ///   - name: its name.
  ///   - scopes: what it allows.
  ///   - secretHash: SHA-256 of the secret.
  ///   - lifetimeMs: milliseconds after which it dies by itself; nil if it does not.
  public init(
    requestKey: RequestKey, account: AccountID, name: String, scopes: Scopes, secretHash: [UInt8],
    lifetimeMs: UInt64?
  ) {
    self.init(
      requestKey: requestKey, account: account, name: name, scopes: scopes, secretHash: secretHash,
      lifetimeMs: lifetimeMs, limit: nil)
  }
}
