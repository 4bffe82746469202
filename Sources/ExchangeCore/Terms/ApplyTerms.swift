public import ExchangeTypes
public import JobMarket
internal import TokenLedger

// Jobs that ask for more than a model, since state version 3.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), then as the submit, whose answer it gives.
  ///
  /// What the job asks for is kept with it while it is open: the leader that matches it need not be the one that took it.
  mutating func apply(_ command: Command.SubmitOnTerms) throws(Rejection) -> Accepted {
    let accepted = try submit(command.submit, wish: command.retention)
    guard case .submitted(let job) = accepted, !job.duplicate else { return accepted }
    keep(command.terms, of: job.job)
    if let assignment = command.assignment { assign(accepted, assignment) }
    return accepted
  }

  /// Keeps what a new job asks for.
  mutating func keep(_ terms: JobTerms, of job: JobID) {
    jobTerms.insert(JobTermsRow(job: job, terms: terms))
  }

  /// Refuses a worker that the job's consumer does not want: whom he excludes is his to say, whatever a leader plans.
  ///
  /// What an engine can do is not in the state: the leader knows it from the worker's own stream.
  func checkTerms(of job: JobID, for worker: Worker) throws(Rejection) {
    guard let terms = terms(of: job), let name = supplierName(of: worker.id) else { return }
    guard terms.preferences.admits(name) else {
      throw Rejection(.noCapacity, ["worker": "\(worker.id)", "reason": "not_wanted"])
    }
  }

  // MARK: Reads

  /// What an open job asks for beyond its bid; nil if it asks for nothing, or has ended.
  public func terms(of job: JobID) -> JobTerms? { jobTerms[job.rawValue]?.terms }

  /// How consumers name a worker; nil if there is none.
  public func supplierName(of worker: WorkerID) -> SupplierName? {
    guard let worker = workers[worker.rawValue], let account = ledger[worker.account] else {
      return nil
    }
    return SupplierName(account: account.name, worker: worker.name)
  }
}
