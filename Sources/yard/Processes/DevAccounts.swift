internal import ExchangeClient
internal import ExchangeTypes
internal import Identity
internal import WireProtocol

/// The accounts of a dev cluster: a consumer with credit, and the supplier that its workers earn for.
enum DevAccounts {
  /// Opens them with the root key, once the cluster has a leader; those of an earlier run are kept.
  static func open(in context: Context, saved: DevCluster.Keys) async throws -> DevCluster.Keys {
    try await Cluster.withClient(of: context, patience: 30_000) { client in
      try await Patience.saying("waiting for the coordinators to elect a leader") {
        guard saved.consumer.isEmpty else {
          _ = try await client.ask(AccountQuery(account: AccountID(0)), Reply.account)
          return saved
        }
        let consumer = try await account("dev", .consumer, client)
        _ = try await client.ask(
          AccountCredit(
            requestKey: .drawn(), account: consumer,
            amount: Credits(nano: 1_000 * Credits.nanoPerCredit)), Reply.account)
        let supplier = try await account("dev-supplier", .supplier, client)
        return DevCluster.Keys(
          root: saved.root,
          consumer: try await key(consumer, [.submit, .read], client),
          supplier: try await key(supplier, [.work, .read], client))
      }
    }
  }

  private static func account(
    _ name: String, _ kind: AccountKind, _ client: ExchangeClient
  ) async throws -> AccountID {
    try await client.ask(
      AccountCreate(requestKey: .drawn(), name: name, kind: kind), Reply.account
    ).summary.account
  }

  private static func key(
    _ account: AccountID, _ scopes: Scopes, _ client: ExchangeClient
  ) async throws -> String {
    let secret = APIKey.generateSecret()
    let report = try await client.ask(
      KeyCreate(
        requestKey: .drawn(), account: account, name: "dev", scopes: scopes,
        secretHash: APIKey.hash(secret), lifetimeMs: nil), Reply.key)
    return APIKey(id: report.summary.key, secret: secret).text
  }
}
