internal import ExchangeTypes

extension Exchange {
  /// The caller's key, if it is live and has the scope: the first checks of every caller's command.
  func authorize(_ caller: KeyID, _ scope: Scopes) throws(Rejection) -> APIKey {
    guard let key = keys[caller.rawValue], !key.isDead(at: meta.logTime) else {
      throw Rejection(.unauthenticated)
    }
    guard key.scopes.isSuperset(of: scope) else {
      throw Rejection(.forbidden, ["scope": String(scope.rawValue)])
    }
    return key
  }

  /// A job that the caller reaches; another is as if it did not exist.
  func ownJob(_ id: JobID, _ caller: APIKey) throws(Rejection) -> Job {
    guard let job = jobs[id.rawValue], isOwn(job, of: caller.id, in: caller.account) else {
      throw Rejection(.notFound, ["job": "\(id)"])
    }
    return job
  }
}
