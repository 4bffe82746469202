// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

/// What went wrong, as it travels in frames, receipts and HTTP answers.
///
/// Numbers and names are append-only; a retired one is never given again.
public enum ErrorCode: UInt16, Sendable, CaseIterable, Hashable {
  /// A field is missing, out of range or of the wrong form.
  ///
  /// Correct the field that is named.
  case malformedRequest = 1
  /// The API key or certificate is absent, unknown or revoked.
  ///
  /// Send a live key in the authorization header.
  case unauthenticated = 2
  /// The scopes of the key do not allow this.
  ///
  /// Use a key with the scope that is named.
  case forbidden = 3
  /// There is nothing of this id, or it belongs to another account.
  ///
  /// Check the id and the account of the key.
  case notFound = 4
  /// No supplier offers a model of this name.
  ///
  /// Ask for one of the models that ModelList (yard models) reports.
  case modelNotFound = 5
  /// The account cannot cover the largest possible charge.
  ///
  /// Add credit, or lower max_tokens or the price ceiling.
  case insufficientCredit = 6
  /// The prompt and an answer likely need more tokens than any offer has context for.
  ///
  /// Shorten the prompt or lower max_tokens.
  case contextLengthExceeded = 7
  /// The request body is beyond its limit.
  ///
  /// Send at most the limit that is named.
  case payloadTooLarge = 8
  /// The request key was used before with another body.
  ///
  /// Use a new request key for a new request.
  case idempotencyConflict = 9
  /// The job's output is no longer kept.
  ///
  /// Submit again under a new request key to run it again.
  case outputExpired = 10
  /// The account has as many open jobs as it may.
  ///
  /// Wait for jobs to end, or cancel some.
  case tooManyJobs = 11
  /// Every offer of the model asks more than the request's ceiling.
  ///
  /// Raise the ceiling to the lowest price that is named.
  case priceAboveCeiling = 12
  /// The service cannot answer now, for instance while it has no leader.
  ///
  /// Retry after the delay given.
  case unavailable = 13
  /// This coordinator is not the leader.
  ///
  /// Retry after the delay given; LeaderNotice names the leader.
  case notLeader = 14
  /// A queue is full, so the request was not admitted.
  ///
  /// Retry after the delay given.
  case overloaded = 15
  /// The message belongs to an attempt that was replaced.
  ///
  /// Abandon the attempt.
  case staleEpoch = 16
  /// The state of what this is about does not allow it.
  ///
  /// Read that state first.
  case wrongState = 17
  /// No worker of this id is registered under the caller's account.
  ///
  /// Register the worker again.
  case unknownWorker = 18
  /// The offer changed between planning and assignment.
  ///
  /// Plan again with the current offer.
  case askChanged = 19
  /// The worker has no free slot for this offer.
  ///
  /// Plan again.
  case noCapacity = 20
  /// The name is in use.
  ///
  /// Choose another name.
  case nameTaken = 21
  /// An amount is zero or otherwise meaningless.
  ///
  /// Send an amount above zero.
  case invalidAmount = 22
  /// A sum of amounts does not fit in 64 bits.
  ///
  /// Send a smaller amount.
  case amountOverflow = 23
  /// The cluster has been bootstrapped before.
  ///
  /// Use the existing cluster, or an empty data directory.
  case alreadyBootstrapped = 24
  /// A parameter of the request has no meaning for this service.
  ///
  /// Remove the parameter that is named.
  case unsupportedParameter = 25
  /// The worker's engine answered with an error.
  ///
  /// Read the engine's message in the details.
  case engineError = 26
  /// The worker could not connect to its engine.
  ///
  /// Retry; another worker may serve it.
  case engineUnreachable = 27
  /// The engine gave no output within the time allowed.
  ///
  /// Lower max_tokens, or choose another model.
  case engineTimeout = 28
  /// The engine's answer is not what its protocol says.
  ///
  /// Report the engine to its supplier.
  case engineGarbled = 29
  /// The engine's stream ended without a finish reason.
  ///
  /// Submit again; what arrived was charged.
  case engineTruncated = 30
  /// The worker died and its stream could not be continued elsewhere.
  ///
  /// Submit again; what arrived was charged.
  case workerLost = 31
  /// The reader holds events that are not in the committed record.
  ///
  /// Discard the stream; the details say what was charged.
  case streamDiverged = 32
  /// The job waited in the queue longer than it allowed.
  ///
  /// Allow a longer queue timeout, or raise the ceiling.
  case deadlineExpired = 33
  /// The job was cancelled.
  ///
  /// Nothing; what arrived before was charged.
  case cancelled = 34
  /// The peer belongs to another cluster.
  ///
  /// Configure the address of a coordinator of this cluster.
  case wrongCluster = 35
  /// The peer's role does not match its certificate or this service.
  ///
  /// Use the certificate and port of the role.
  case wrongRole = 36
  /// The two sides have no protocol version in common.
  ///
  /// Upgrade the older side.
  case versionMismatch = 37
  /// A frame header claims more than its type may carry.
  ///
  /// Split the content as the message's documentation says.
  case frameTooLarge = 38
  /// A frame is not the canonical encoding of a message allowed here.
  ///
  /// Correct the encoder; the stream is closed.
  case frameMalformed = 39
  /// The disk budget for new jobs is spent.
  ///
  /// Retry later; an operator must free or add space.
  case storageFull = 40
  /// A defect of the service; its log says more.
  ///
  /// Report it with the job id.
  case internalError = 41
  /// The account has as many keys as it may.
  ///
  /// Revoke keys that are no longer used.
  case tooManyKeys = 42
  /// The cluster has as many accounts as it may.
  ///
  /// Ask an operator.
  case tooManyAccounts = 43
  /// The engine refused because its own queue is full.
  ///
  /// Retry after the delay given.
  case engineBusy = 44
  /// Leadership was lost before the outcome was known; it may have been carried out.
  ///
  /// Retry under the same request key: it is carried out at most once.
  case outcomeUnknown = 45
  /// The cluster has not been bootstrapped yet.
  ///
  /// Bootstrap it, then retry.
  case notBootstrapped = 46
  /// A note, not a failure: the engine reported no usage, so the bill is bounded by the record.
  ///
  /// Nothing, or let the engine report usage.
  case engineNoUsage = 47
  /// There is no account of this id.
  ///
  /// Check the account id.
  case unknownAccount = 48
  /// There is no job of this id, or it belongs to another account.
  ///
  /// Check the job id and the account of the key.
  case unknownJob = 49
  /// The output is more than the job's hold covers, or than one record may have (64 MiB).
  ///
  /// Ask for fewer tokens, answers or log probabilities; what was delivered is charged, at most
  /// what was held.
  case streamOverrun = 50
  /// The invitation is unknown, its secret is wrong, or its time is over: the details say which of
  /// the last.
  ///
  /// Ask an administrator for a new one.
  case invitationInvalid = 51
  /// Another node has joined by this invitation.
  ///
  /// If that was not you, revoke that node; ask for a new invitation.
  case invitationUsed = 52
  /// The peer's certificate is revoked.
  ///
  /// Join again by a new invitation, if an administrator gives one.
  case certificateRevoked = 53
  /// A node says another name than its certificate or invitation does.
  ///
  /// Use the name that the details give, or join under the other one.
  case wrongName = 54
  /// The leader holds no key to issue certificates with.
  ///
  /// Copy ca/issuer.key, as yard init made it, into the identity directory of every coordinator,
  /// and restart them.
  case noIssuingKey = 55
  /// The request was sealed under a key that is not the current one any more.
  ///
  /// Retry: it is sealed anew.
  case wrappingKeyRetired = 56
  /// The key that the job is sealed under is not in the cluster's keyrings: it was destroyed, or
  /// this is a restored copy.
  ///
  /// Submit again under a new request key; what was sealed cannot be read any more.
  case keyUnavailable = 57
  /// This coordinator's state is not the majority's: it has stopped serving.
  ///
  /// Ask another coordinator; an operator must replace this one under a new id.
  case replicaDiverged = 62
  /// Another change of the coordinators is under way, or leadership is being handed over.
  ///
  /// Wait until it has ended; `yard cluster status` shows it.
  case changeInProgress = 63
  /// After the change too few voters would answer, so that nothing could be committed.
  ///
  /// Bring coordinators back or add one first.
  case majorityAtRisk = 64
  /// The change does not fit this coordinator, as the message says.
  ///
  /// Do what the message names first, or choose another id or address.
  case memberUnsuitable = 65
  /// The path exists but not for this method.
  ///
  /// Use the method that the allow header names.
  case methodNotAllowed = 66
  /// The request's head or body took longer to arrive than it may.
  ///
  /// Send it again, faster.
  case requestTimeout = 67
  /// The request has more or longer header fields than allowed.
  ///
  /// Send fewer or shorter header fields.
  case headerTooLarge = 68
  /// The path is OpenAI's, and nothing here serves it.
  ///
  /// Use one of the paths that a gateway serves (Sources/Gateway/README.md in Switchyard's source).
  case notImplemented = 69
  /// The whole answer is larger than a gateway collects.
  ///
  /// Ask for a stream, or for fewer tokens.
  case answerTooLarge = 70
  /// This address has as many connections as it may.
  ///
  /// Close connections that are not used, or use fewer.
  case tooManyRequests = 71
  /// No certificate of this serial can be revoked alone: the cluster has issued none, or its node
  /// has a newer one.
  ///
  /// Revoke the node by its role and name.
  case revokeByName = 80
  /// The coordinators refuse this gateway's own certificate: it has ended, is revoked, or is not of
  /// this cluster.
  ///
  /// Ask another gateway; its operator must renew this one's certificate, or have it join again.
  case nodeRefused = 81
  /// What the reader shows as its tail is not what a leader sent it.
  ///
  /// Follow the job again from its first event, without a tail.
  case tailInvalid = 85
  /// The key has used up what it may use in a minute.
  ///
  /// Retry after the delay given.
  case rateLimitExceeded = 90
  /// The request alone may need more tokens than its key may use in a minute.
  ///
  /// Lower max_tokens, shorten the prompt, or ask for a higher limit.
  case requestAboveRateLimit = 91
  /// Every worker of the model is offline.
  ///
  /// Retry after the delay given, or ask for another model.
  case noWorkerOnline = 92
  /// No worker of the model is one that the request's preferences admit.
  ///
  /// Change provider.only, provider.ignore or provider.order.
  case noSupplierAdmitted = 93
  /// A transfer from an account to itself.
  ///
  /// Name two accounts.
  case selfTransfer = 100
  /// The account is closed.
  ///
  /// Use another account.
  case accountClosed = 101
  /// The transfer was taken back before.
  ///
  /// Nothing; the books are as they were before it.
  case alreadyReversed = 102
  /// A budget that the key draws on has less left than the largest possible charge.
  ///
  /// Lower max_tokens, wait for the window that is named to end, or ask for a higher limit.
  case budgetExceeded = 103
  /// A budget that the key draws on is closed.
  ///
  /// Ask whoever governs it.
  case budgetClosed = 104
  /// The supplier does not take jobs of the account; every supplier of the model, where a submit is
  /// refused for it.
  ///
  /// Ask the supplier, or ask for another model.
  case tenantRefused = 105
  /// The slots that are free are kept for the supplier's own jobs.
  ///
  /// Plan again.
  case slotsReserved = 106
  /// A delegation is not signed by the key that its parent is bound to.
  ///
  /// Ask who gave it to you for a new one; if he bound another key, all that he signed before are
  /// worth nothing.
  case delegationForged = 113
  /// A delegation was made for another cluster, or its id belongs to another delegation of the same
  /// parent.
  ///
  /// Use it at the cluster that it names; draw an id once.
  case delegationReplayed = 114
  /// A delegation is not valid yet, or not any more: the details say which.
  ///
  /// Ask who gave it to you for a new one.
  case delegationExpired = 115
  /// A delegation was revoked, or its parent was, or its parent is bound to no key that signs.
  ///
  /// Ask who gave it to you for a new one.
  case delegationRevoked = 116
  /// A delegation allows more than its parent may: the details say what and how much.
  ///
  /// Sign one within what the parent may.
  case delegationWidened = 117
  /// The delegated key may not ask for this model.
  ///
  /// Ask for a model that the details name.
  case modelNotDelegated = 118
  /// No supplier serves this model for this kind of request.
  ///
  /// Ask for a model that is served so: the list of models says which are.
  case endpointNotServed = 126
  /// Jobs end too slowly for this one to begin within the time that it may wait.
  ///
  /// Retry after the delay given, allow a longer wait, or ask for another model.
  case queueTooLong = 134

  /// The name in snake_case, as HTTP clients and logs see it.
  public var name: String {
    switch self {
    case .malformedRequest: "malformed_request"
    case .unauthenticated: "unauthenticated"
    case .forbidden: "forbidden"
    case .notFound: "not_found"
    case .modelNotFound: "model_not_found"
    case .insufficientCredit: "insufficient_credit"
    case .contextLengthExceeded: "context_length_exceeded"
    case .payloadTooLarge: "payload_too_large"
    case .idempotencyConflict: "idempotency_conflict"
    case .outputExpired: "output_expired"
    case .tooManyJobs: "too_many_jobs"
    case .priceAboveCeiling: "price_above_ceiling"
    case .unavailable: "unavailable"
    case .notLeader: "not_leader"
    case .overloaded: "overloaded"
    case .staleEpoch: "stale_epoch"
    case .wrongState: "wrong_state"
    case .unknownWorker: "unknown_worker"
    case .askChanged: "ask_changed"
    case .noCapacity: "no_capacity"
    case .nameTaken: "name_taken"
    case .invalidAmount: "invalid_amount"
    case .amountOverflow: "amount_overflow"
    case .alreadyBootstrapped: "already_bootstrapped"
    case .unsupportedParameter: "unsupported_parameter"
    case .engineError: "engine_error"
    case .engineUnreachable: "engine_unreachable"
    case .engineTimeout: "engine_timeout"
    case .engineGarbled: "engine_garbled"
    case .engineTruncated: "engine_truncated"
    case .workerLost: "worker_lost"
    case .streamDiverged: "stream_diverged"
    case .deadlineExpired: "deadline_expired"
    case .cancelled: "cancelled"
    case .wrongCluster: "wrong_cluster"
    case .wrongRole: "wrong_role"
    case .versionMismatch: "version_mismatch"
    case .frameTooLarge: "frame_too_large"
    case .frameMalformed: "frame_malformed"
    case .storageFull: "storage_full"
    case .internalError: "internal_error"
    case .tooManyKeys: "too_many_keys"
    case .tooManyAccounts: "too_many_accounts"
    case .engineBusy: "engine_busy"
    case .outcomeUnknown: "outcome_unknown"
    case .notBootstrapped: "not_bootstrapped"
    case .engineNoUsage: "engine_no_usage"
    case .unknownAccount: "unknown_account"
    case .unknownJob: "unknown_job"
    case .streamOverrun: "stream_overrun"
    case .invitationInvalid: "invitation_invalid"
    case .invitationUsed: "invitation_used"
    case .certificateRevoked: "certificate_revoked"
    case .wrongName: "wrong_name"
    case .noIssuingKey: "no_issuing_key"
    case .wrappingKeyRetired: "wrapping_key_retired"
    case .keyUnavailable: "key_unavailable"
    case .replicaDiverged: "replica_diverged"
    case .changeInProgress: "change_in_progress"
    case .majorityAtRisk: "majority_at_risk"
    case .memberUnsuitable: "member_unsuitable"
    case .methodNotAllowed: "method_not_allowed"
    case .requestTimeout: "request_timeout"
    case .headerTooLarge: "header_too_large"
    case .notImplemented: "not_implemented"
    case .answerTooLarge: "answer_too_large"
    case .tooManyRequests: "too_many_requests"
    case .revokeByName: "revoke_by_name"
    case .nodeRefused: "node_refused"
    case .tailInvalid: "tail_invalid"
    case .rateLimitExceeded: "rate_limit_exceeded"
    case .requestAboveRateLimit: "request_above_rate_limit"
    case .noWorkerOnline: "no_worker_online"
    case .noSupplierAdmitted: "no_supplier_admitted"
    case .selfTransfer: "self_transfer"
    case .accountClosed: "account_closed"
    case .alreadyReversed: "already_reversed"
    case .budgetExceeded: "budget_exceeded"
    case .budgetClosed: "budget_closed"
    case .tenantRefused: "tenant_refused"
    case .slotsReserved: "slots_reserved"
    case .delegationForged: "delegation_forged"
    case .delegationReplayed: "delegation_replayed"
    case .delegationExpired: "delegation_expired"
    case .delegationRevoked: "delegation_revoked"
    case .delegationWidened: "delegation_widened"
    case .modelNotDelegated: "model_not_delegated"
    case .endpointNotServed: "endpoint_not_served"
    case .queueTooLong: "queue_too_long"
    }
  }

  /// What is wrong, as a sentence of the table of errors.
  public var meaning: String {
    switch self {
    case .malformedRequest: "A field is missing, out of range or of the wrong form."
    case .unauthenticated: "The API key or certificate is absent, unknown or revoked."
    case .forbidden: "The scopes of the key do not allow this."
    case .notFound: "There is nothing of this id, or it belongs to another account."
    case .modelNotFound: "No supplier offers a model of this name."
    case .insufficientCredit: "The account cannot cover the largest possible charge."
    case .contextLengthExceeded:
      "The prompt and an answer likely need more tokens than any offer has context for."
    case .payloadTooLarge: "The request body is beyond its limit."
    case .idempotencyConflict: "The request key was used before with another body."
    case .outputExpired: "The job's output is no longer kept."
    case .tooManyJobs: "The account has as many open jobs as it may."
    case .priceAboveCeiling: "Every offer of the model asks more than the request's ceiling."
    case .unavailable: "The service cannot answer now, for instance while it has no leader."
    case .notLeader: "This coordinator is not the leader."
    case .overloaded: "A queue is full, so the request was not admitted."
    case .staleEpoch: "The message belongs to an attempt that was replaced."
    case .wrongState: "The state of what this is about does not allow it."
    case .unknownWorker: "No worker of this id is registered under the caller's account."
    case .askChanged: "The offer changed between planning and assignment."
    case .noCapacity: "The worker has no free slot for this offer."
    case .nameTaken: "The name is in use."
    case .invalidAmount: "An amount is zero or otherwise meaningless."
    case .amountOverflow: "A sum of amounts does not fit in 64 bits."
    case .alreadyBootstrapped: "The cluster has been bootstrapped before."
    case .unsupportedParameter: "A parameter of the request has no meaning for this service."
    case .engineError: "The worker's engine answered with an error."
    case .engineUnreachable: "The worker could not connect to its engine."
    case .engineTimeout: "The engine gave no output within the time allowed."
    case .engineGarbled: "The engine's answer is not what its protocol says."
    case .engineTruncated: "The engine's stream ended without a finish reason."
    case .workerLost: "The worker died and its stream could not be continued elsewhere."
    case .streamDiverged: "The reader holds events that are not in the committed record."
    case .deadlineExpired: "The job waited in the queue longer than it allowed."
    case .cancelled: "The job was cancelled."
    case .wrongCluster: "The peer belongs to another cluster."
    case .wrongRole: "The peer's role does not match its certificate or this service."
    case .versionMismatch: "The two sides have no protocol version in common."
    case .frameTooLarge: "A frame header claims more than its type may carry."
    case .frameMalformed: "A frame is not the canonical encoding of a message allowed here."
    case .storageFull: "The disk budget for new jobs is spent."
    case .internalError: "A defect of the service; its log says more."
    case .tooManyKeys: "The account has as many keys as it may."
    case .tooManyAccounts: "The cluster has as many accounts as it may."
    case .engineBusy: "The engine refused because its own queue is full."
    case .outcomeUnknown:
      "Leadership was lost before the outcome was known; it may have been carried out."
    case .notBootstrapped: "The cluster has not been bootstrapped yet."
    case .engineNoUsage:
      "A note, not a failure: the engine reported no usage, so the bill is bounded by the record."
    case .unknownAccount: "There is no account of this id."
    case .unknownJob: "There is no job of this id, or it belongs to another account."
    case .streamOverrun:
      "The output is more than the job's hold covers, or than one record may have (64 MiB)."
    case .invitationInvalid:
      "The invitation is unknown, its secret is wrong, or its time is over: the details say which of the last."
    case .invitationUsed: "Another node has joined by this invitation."
    case .certificateRevoked: "The peer's certificate is revoked."
    case .wrongName: "A node says another name than its certificate or invitation does."
    case .noIssuingKey: "The leader holds no key to issue certificates with."
    case .wrappingKeyRetired:
      "The request was sealed under a key that is not the current one any more."
    case .keyUnavailable:
      "The key that the job is sealed under is not in the cluster's keyrings: it was destroyed, or this is a restored copy."
    case .replicaDiverged: "This coordinator's state is not the majority's: it has stopped serving."
    case .changeInProgress:
      "Another change of the coordinators is under way, or leadership is being handed over."
    case .majorityAtRisk:
      "After the change too few voters would answer, so that nothing could be committed."
    case .memberUnsuitable: "The change does not fit this coordinator, as the message says."
    case .methodNotAllowed: "The path exists but not for this method."
    case .requestTimeout: "The request's head or body took longer to arrive than it may."
    case .headerTooLarge: "The request has more or longer header fields than allowed."
    case .notImplemented: "The path is OpenAI's, and nothing here serves it."
    case .answerTooLarge: "The whole answer is larger than a gateway collects."
    case .tooManyRequests: "This address has as many connections as it may."
    case .revokeByName:
      "No certificate of this serial can be revoked alone: the cluster has issued none, or its node has a newer one."
    case .nodeRefused:
      "The coordinators refuse this gateway's own certificate: it has ended, is revoked, or is not of this cluster."
    case .tailInvalid: "What the reader shows as its tail is not what a leader sent it."
    case .rateLimitExceeded: "The key has used up what it may use in a minute."
    case .requestAboveRateLimit:
      "The request alone may need more tokens than its key may use in a minute."
    case .noWorkerOnline: "Every worker of the model is offline."
    case .noSupplierAdmitted: "No worker of the model is one that the request's preferences admit."
    case .selfTransfer: "A transfer from an account to itself."
    case .accountClosed: "The account is closed."
    case .alreadyReversed: "The transfer was taken back before."
    case .budgetExceeded:
      "A budget that the key draws on has less left than the largest possible charge."
    case .budgetClosed: "A budget that the key draws on is closed."
    case .tenantRefused:
      "The supplier does not take jobs of the account; every supplier of the model, where a submit is refused for it."
    case .slotsReserved: "The slots that are free are kept for the supplier's own jobs."
    case .delegationForged: "A delegation is not signed by the key that its parent is bound to."
    case .delegationReplayed:
      "A delegation was made for another cluster, or its id belongs to another delegation of the same parent."
    case .delegationExpired:
      "A delegation is not valid yet, or not any more: the details say which."
    case .delegationRevoked:
      "A delegation was revoked, or its parent was, or its parent is bound to no key that signs."
    case .delegationWidened:
      "A delegation allows more than its parent may: the details say what and how much."
    case .modelNotDelegated: "The delegated key may not ask for this model."
    case .endpointNotServed: "No supplier serves this model for this kind of request."
    case .queueTooLong:
      "Jobs end too slowly for this one to begin within the time that it may wait."
    }
  }

  /// What would be right, as a sentence of the table of errors.
  public var remedy: String {
    switch self {
    case .malformedRequest: "Correct the field that is named."
    case .unauthenticated: "Send a live key in the authorization header."
    case .forbidden: "Use a key with the scope that is named."
    case .notFound: "Check the id and the account of the key."
    case .modelNotFound: "Ask for one of the models that ModelList (yard models) reports."
    case .insufficientCredit: "Add credit, or lower max_tokens or the price ceiling."
    case .contextLengthExceeded: "Shorten the prompt or lower max_tokens."
    case .payloadTooLarge: "Send at most the limit that is named."
    case .idempotencyConflict: "Use a new request key for a new request."
    case .outputExpired: "Submit again under a new request key to run it again."
    case .tooManyJobs: "Wait for jobs to end, or cancel some."
    case .priceAboveCeiling: "Raise the ceiling to the lowest price that is named."
    case .unavailable: "Retry after the delay given."
    case .notLeader: "Retry after the delay given; LeaderNotice names the leader."
    case .overloaded: "Retry after the delay given."
    case .staleEpoch: "Abandon the attempt."
    case .wrongState: "Read that state first."
    case .unknownWorker: "Register the worker again."
    case .askChanged: "Plan again with the current offer."
    case .noCapacity: "Plan again."
    case .nameTaken: "Choose another name."
    case .invalidAmount: "Send an amount above zero."
    case .amountOverflow: "Send a smaller amount."
    case .alreadyBootstrapped: "Use the existing cluster, or an empty data directory."
    case .unsupportedParameter: "Remove the parameter that is named."
    case .engineError: "Read the engine's message in the details."
    case .engineUnreachable: "Retry; another worker may serve it."
    case .engineTimeout: "Lower max_tokens, or choose another model."
    case .engineGarbled: "Report the engine to its supplier."
    case .engineTruncated: "Submit again; what arrived was charged."
    case .workerLost: "Submit again; what arrived was charged."
    case .streamDiverged: "Discard the stream; the details say what was charged."
    case .deadlineExpired: "Allow a longer queue timeout, or raise the ceiling."
    case .cancelled: "Nothing; what arrived before was charged."
    case .wrongCluster: "Configure the address of a coordinator of this cluster."
    case .wrongRole: "Use the certificate and port of the role."
    case .versionMismatch: "Upgrade the older side."
    case .frameTooLarge: "Split the content as the message's documentation says."
    case .frameMalformed: "Correct the encoder; the stream is closed."
    case .storageFull: "Retry later; an operator must free or add space."
    case .internalError: "Report it with the job id."
    case .tooManyKeys: "Revoke keys that are no longer used."
    case .tooManyAccounts: "Ask an operator."
    case .engineBusy: "Retry after the delay given."
    case .outcomeUnknown: "Retry under the same request key: it is carried out at most once."
    case .notBootstrapped: "Bootstrap it, then retry."
    case .engineNoUsage: "Nothing, or let the engine report usage."
    case .unknownAccount: "Check the account id."
    case .unknownJob: "Check the job id and the account of the key."
    case .streamOverrun:
      "Ask for fewer tokens, answers or log probabilities; what was delivered is charged, at most what was held."
    case .invitationInvalid: "Ask an administrator for a new one."
    case .invitationUsed: "If that was not you, revoke that node; ask for a new invitation."
    case .certificateRevoked: "Join again by a new invitation, if an administrator gives one."
    case .wrongName: "Use the name that the details give, or join under the other one."
    case .noIssuingKey:
      "Copy ca/issuer.key, as yard init made it, into the identity directory of every coordinator, and restart them."
    case .wrappingKeyRetired: "Retry: it is sealed anew."
    case .keyUnavailable:
      "Submit again under a new request key; what was sealed cannot be read any more."
    case .replicaDiverged:
      "Ask another coordinator; an operator must replace this one under a new id."
    case .changeInProgress: "Wait until it has ended; `yard cluster status` shows it."
    case .majorityAtRisk: "Bring coordinators back or add one first."
    case .memberUnsuitable: "Do what the message names first, or choose another id or address."
    case .methodNotAllowed: "Use the method that the allow header names."
    case .requestTimeout: "Send it again, faster."
    case .headerTooLarge: "Send fewer or shorter header fields."
    case .notImplemented:
      "Use one of the paths that a gateway serves (Sources/Gateway/README.md in Switchyard's source)."
    case .answerTooLarge: "Ask for a stream, or for fewer tokens."
    case .tooManyRequests: "Close connections that are not used, or use fewer."
    case .revokeByName: "Revoke the node by its role and name."
    case .nodeRefused:
      "Ask another gateway; its operator must renew this one's certificate, or have it join again."
    case .tailInvalid: "Follow the job again from its first event, without a tail."
    case .rateLimitExceeded: "Retry after the delay given."
    case .requestAboveRateLimit: "Lower max_tokens, shorten the prompt, or ask for a higher limit."
    case .noWorkerOnline: "Retry after the delay given, or ask for another model."
    case .noSupplierAdmitted: "Change provider.only, provider.ignore or provider.order."
    case .selfTransfer: "Name two accounts."
    case .accountClosed: "Use another account."
    case .alreadyReversed: "Nothing; the books are as they were before it."
    case .budgetExceeded:
      "Lower max_tokens, wait for the window that is named to end, or ask for a higher limit."
    case .budgetClosed: "Ask whoever governs it."
    case .tenantRefused: "Ask the supplier, or ask for another model."
    case .slotsReserved: "Plan again."
    case .delegationForged:
      "Ask who gave it to you for a new one; if he bound another key, all that he signed before are worth nothing."
    case .delegationReplayed: "Use it at the cluster that it names; draw an id once."
    case .delegationExpired: "Ask who gave it to you for a new one."
    case .delegationRevoked: "Ask who gave it to you for a new one."
    case .delegationWidened: "Sign one within what the parent may."
    case .modelNotDelegated: "Ask for a model that the details name."
    case .endpointNotServed: "Ask for a model that is served so: the list of models says which are."
    case .queueTooLong:
      "Retry after the delay given, allow a longer wait, or ask for another model."
    }
  }

  /// Whether the same request, sent again later or elsewhere, may succeed.
  public var isRetryable: Bool {
    switch self {
    case .unavailable, .notLeader, .overloaded, .engineUnreachable, .storageFull, .engineBusy,
      .outcomeUnknown, .notBootstrapped, .wrappingKeyRetired, .replicaDiverged, .requestTimeout,
      .tooManyRequests, .rateLimitExceeded, .noWorkerOnline, .queueTooLong:
      true
    default: false
    }
  }

  /// The HTTP status of an answer that carries this code; nil if none ever does.
  public var httpStatus: Int? {
    switch self {
    case .malformedRequest, .contextLengthExceeded, .priceAboveCeiling, .invalidAmount,
      .amountOverflow, .unsupportedParameter, .tailInvalid, .selfTransfer, .endpointNotServed:
      400
    case .unauthenticated, .delegationForged, .delegationReplayed, .delegationExpired,
      .delegationRevoked:
      401
    case .insufficientCredit, .budgetExceeded: 402
    case .forbidden, .invitationInvalid, .invitationUsed, .certificateRevoked, .wrongName,
      .accountClosed, .budgetClosed, .tenantRefused, .delegationWidened, .modelNotDelegated:
      403
    case .notFound, .modelNotFound, .unknownWorker, .unknownAccount, .unknownJob,
      .noSupplierAdmitted:
      404
    case .methodNotAllowed: 405
    case .requestTimeout: 408
    case .idempotencyConflict, .wrongState, .nameTaken, .alreadyBootstrapped, .streamDiverged,
      .streamOverrun, .changeInProgress, .majorityAtRisk, .memberUnsuitable, .revokeByName,
      .alreadyReversed:
      409
    case .outputExpired, .keyUnavailable: 410
    case .payloadTooLarge: 413
    case .tooManyJobs, .tooManyKeys, .tooManyAccounts, .tooManyRequests, .rateLimitExceeded,
      .requestAboveRateLimit:
      429
    case .headerTooLarge: 431
    case .cancelled: 499
    case .internalError: 500
    case .notImplemented: 501
    case .engineError, .engineUnreachable, .engineGarbled, .engineTruncated, .workerLost,
      .answerTooLarge:
      502
    case .unavailable, .notLeader, .overloaded, .engineBusy, .outcomeUnknown, .notBootstrapped,
      .noIssuingKey, .wrappingKeyRetired, .replicaDiverged, .nodeRefused, .noWorkerOnline,
      .queueTooLong:
      503
    case .engineTimeout, .deadlineExpired: 504
    case .storageFull: 507
    default: nil
    }
  }
}
