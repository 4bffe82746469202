/// What the simulator breaks; each is counted when it really happened to somebody (`LatentFault`).
public enum Fault: String, CaseIterable, Sendable {
  /// A coordinator's process was killed.
  case coordinatorKilled
  /// A coordinator's machine lost its power: nobody told its peers.
  case coordinatorPowerLoss
  /// The coordinator that was killed led.
  case leaderKilled
  /// The leader and a worker were killed at the same moment.
  case leaderAndWorkerKilled
  /// All coordinators lost their power at once, and came back.
  case siteLostPower
  /// A coordinator died in the middle of a write and was back within milliseconds.
  case diedWriting
  /// A coordinator died right after it had given its vote, and was back within milliseconds.
  case diedVoting
  /// A coordinator was stopped in order: it handed leadership over first, if it led.
  case coordinatorStopped
  /// A voter lost its vote, or a member without one got it, by an operator's order.
  case membersChanged
  /// A coordinator's disk was lost, with the log that it held.
  case diskLost
  /// A coordinator was removed, and another one got a vote in its place under an id that nobody had.
  case memberReplaced
  /// The monotonic clock of a coordinator or a worker leapt ahead by up to 6 s.
  case clockLeapt
  /// A coordinator stood still and went on.
  case coordinatorPaused
  /// A crash took a write that was under way.
  case writeLost
  /// A crash came after a write was durable and before anybody was told.
  case writeKept
  /// A leader was cut off in the middle of a long write, and heard who stands, and who leads, before the end of the next.
  case cutOffWriting
  /// A leader stood still, cut off from the other coordinators, and went on when another one led, of which it had not heard.
  case staleLeader
  /// A coordinator was told that the leader's process had ended, which lived.
  case falseEnd
  /// Everything took longer than an election timeout, for all coordinators at once.
  case overload
  /// Who was to get his vote could write nothing for seconds while he caught up with the log.
  case newcomerHeldUp
  /// What an attempt said was proposed when its job had gone on elsewhere.
  case lateWord
  /// A coordinator's disk had no room.
  case diskFull
  /// A coordinator's disk took up to a second for a write.
  case diskSlow
  /// A sync failed, and the process ended.
  case failedSync
  /// Nodes could not reach each other, in both directions.
  case partition
  /// Nodes could not reach each other, in one direction.
  case partitionOneWay
  /// Two coordinators could not reach each other, and both reached a third.
  case bridge
  /// A message between coordinators was lost alone.
  case peerMessageLost
  /// A message between coordinators came later than one that was sent after it.
  case peerMessageDelayed
  /// A message of the consensus algorithm came twice.
  case peerMessageDoubled
  /// A connection broke between two living nodes.
  case linkBroken
  /// Something was lost and sent again later.
  case retransmission
  /// Everything took up to 200 ms.
  case slowNetwork
  /// A worker's process was killed.
  case workerKilled
  /// A worker's machine lost its power.
  case workerPowerLoss
  /// A worker stood still and went on.
  case workerPaused
  /// A worker was drained, left, and came back.
  case workerDrained
  /// A worker that ran attempts was told to leave at once.
  case reclaimed
  /// An engine made nothing for a while.
  case engineStalled
  /// An engine answered errors for a while.
  case engineFailed
  /// An engine refused a request for want of room.
  case engineBusy
  /// A request could not reach its engine.
  case engineUnreachable
  /// An engine refused a prompt as too long for its context.
  case promptTooLong
  /// An engine's stream was cut before its end.
  case engineError
  /// A worker said that an attempt had made more events than it sent.
  case workerLied
  /// A client showed a leader another tail than it had been sent.
  case tailForged
  /// A client stood still and went on.
  case clientPaused
  /// A gateway's process died while it answered.
  case gatewayCrashed
  /// A gateway's machine lost its power while it answered.
  case gatewayPowerLoss
  /// A gateway stood still while it answered, and went on.
  case gatewayPaused
  /// After the healing, one coordinator stayed down until the others had answered.
  case healedWithoutOne
}

/// Rare paths of the product that a range of seeds must reach, or it has tested less than it says.
public enum CoverageMark: String, CaseIterable, Sendable {
  /// A follower passed a stream on to the leader.
  case relayedByFollower
  /// A worker lost an attempt's stream.
  case attemptDetached
  /// A leader took an attempt back from a worker that had lost its stream.
  case attemptResumed
  /// A worker was told to forget an attempt that went on elsewhere.
  case attemptAbandoned
  /// A job waited again after its attempt was lost.
  case jobRequeued
  /// A batch job gave its slot to an interactive one.
  case gaveWay
  /// A job that had a record went on elsewhere.
  case wentOnElsewhere
  /// A stream was taken from a worker whose engine gave nothing any more.
  case stalledStreamMoved
  /// A stream that a worker had to give back went on at another one.
  case reclaimedStreamMoved
  /// A stream was taken from a worker whose engine had failed in the middle of it.
  case failedStreamMoved
  /// A job whose prompt was too long for a worker's context began at one with a larger.
  case wentToLargerContext
  /// A job ended with what of its output was reasoning.
  case toldReasoning
  /// A job ended without a worker in time.
  case jobExpired
  /// A job was cancelled while a worker had it.
  case cancelledRunning
  /// An attached job without a reader got its timer.
  case orphaned
  /// A reader came back in time.
  case adopted
  /// A submission under a key that had been used gave the same job.
  case duplicateSubmission
  /// A client was told that the outcome of its command was unknown.
  case outcomeUnknown
  /// A client's stream broke and was opened again.
  case readerCameBack
  /// A new leader lacked what a reader had been given, and was shown it.
  case tailShown
  /// A stream went on at another worker after its reader had shown what the leader lacked: leader and worker had died
  /// at once.
  case wentOnFromTail
  /// A reader had been given events that the record did not keep, and was told so.
  case streamDiverged
  /// A consumer's stream through a gateway went on at another leader.
  case gatewayFollowedLeader
  /// A consumer's stream through a gateway that lived ended in a typed error.
  case gatewayToldError
  /// A consumer whose gateway had died asked for the same at another one, and got it whole.
  case gatewayAskedAgain
  /// A consumer whose gateway had died got the rest of a job's events at another one.
  case gatewayEventsResumed
  /// A prompt travelled in parts.
  case promptInParts
  /// A job drew on a budget and was charged.
  case paidFromBudget
  /// A job was run at prices that its supplier had posted.
  case ranAtPostedPrices
  /// What had been posted together was taken back.
  case takenBack
  /// A new leader was elected while attempts ran.
  case leaderChangedUnderLoad
  /// A follower heard that its leader's process had ended, and did not wait for a timeout.
  case leaderEndHeard
  /// A leader was elected although everything took longer than an election timeout.
  case electedUnderOverload
  /// A leader that was stopped in order ended after another one led.
  case leadershipHandedOver
  /// A replica dropped the beginning of its log.
  case logTrimmed
  /// A leader sent a chunk of a snapshot.
  case snapshotSent
  /// A snapshot took the place of a replica's state and log.
  case snapshotInstalled
  /// A member caught up with the log and got its vote back.
  case memberPromoted
  /// A coordinator that had lost its disk was removed, and the one in its place got a vote.
  case lostMemberReplaced
  /// A coordinator that was removed and ran on asked others for their votes.
  case removedMemberKnocked
  /// A change of members was refused, since too few voters would have answered or had the keys, or another was under way.
  case memberChangeRefused
  /// A leader was lost with a change of members in its log that it had not seen committed.
  case memberChangeUnknown
  /// A leader made a wrapping key.
  case wrappingKeyMade
  /// A coordinator destroyed wrapping keys.
  case wrappingKeyDestroyed
}
