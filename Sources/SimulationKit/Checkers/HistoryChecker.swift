internal import ExchangeTypes

/// An account as clients see it: credit is given, and somebody looks.
public struct CreditedAccount: SequentialObject {
  /// What can be done with it.
  public enum Call: Hashable, Sendable {
    /// Gives it credit.
    case credit(UInt64)
    /// Asks what it has.
    case read
  }

  private let balance: UInt64

  /// An account that was given nothing.
  public init() { balance = 0 }
  private init(_ balance: UInt64) { self.balance = balance }

  /// The account after a call; a credit is answered with anything.
  public func after(_ call: Call, answering answer: UInt64?) -> CreditedAccount? {
    switch call {
    case .credit(let amount): CreditedAccount(balance + amount)
    case .read: answer == nil || answer == balance ? self : nil
    }
  }
}

/// Requests for jobs as clients see them: the same request has the same job, another one a later job.
public struct NumberedRequests: SequentialObject {
  private var jobs: [UInt64: UInt64] = [:]
  private var last: UInt64 = 0

  /// Requests before the first.
  public init() {}

  /// The requests after one more, named by a number, was answered with a job's number.
  public func after(_ request: UInt64, answering job: UInt64?) -> NumberedRequests? {
    // Only the answered ones are kept here: what nobody was told of shows in no other answer.
    guard let job else { return self }
    if let known = jobs[request] { return known == job ? self : nil }
    guard job > last else { return nil }
    var next = self
    next.jobs[request] = job
    next.last = job
    return next
  }
}

/// Asks of small histories whether one account, or one queue of requests, could have given these answers (R2).
///
/// Beside `OrderChecker`, which believes the log indices that it is told, this one is blind.
final class HistoryChecker {
  private unowned let simulation: Simulation
  private var accounts: [AccountID: [HistoryOperation<CreditedAccount.Call, UInt64>]] = [:]
  private var requests: [[HistoryOperation<UInt64, UInt64>]] = []
  private var names: [RequestKey: Int] = [:]
  /// Requests whose acknowledgements are one history.
  private static let requestsMax = 8

  init(_ simulation: Simulation) { self.simulation = simulation }

  /// An account was given credit, or somebody was told what it has.
  func note(_ call: CreditedAccount.Call, on account: AccountID, asked: UInt64, answer: UInt64) {
    accounts[account, default: []].append(
      HistoryOperation(call, asked: asked, answered: simulation.clock.now, answer: answer))
  }

  /// A request was acknowledged.
  func note(request: RequestKey, job: JobID, asked: UInt64) {
    let name = names[request] ?? names.count
    names[request] = name
    let group = name / Self.requestsMax
    while requests.count <= group { requests.append([]) }
    guard requests[group].count < LinearizabilitySearch.operationsMax else { return }
    requests[group].append(
      HistoryOperation(
        UInt64(name), asked: asked, answered: simulation.clock.now, answer: job.rawValue))
  }

  /// Looks at all histories; at the end of a run.
  func check() {
    for (account, history) in accounts.sorted(by: { $0.key < $1.key })
    where !LinearizabilitySearch.finds(history, on: CreditedAccount()) {
      simulation.fail(
        "R2", "no order of the \(history.count) operations on account \(account) explains them")
    }
    for history in requests where !LinearizabilitySearch.finds(history, on: NumberedRequests()) {
      simulation.fail("R2", "no order of \(history.count) acknowledged requests explains them")
    }
  }
}
