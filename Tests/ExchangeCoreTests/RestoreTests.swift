import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import TokenLedger

@Suite("Restart")
struct RestoreTests {
  private func world() -> World {
    var world = World()
    for number in 1...4 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.run(assign(1))
    world.run(assign(2))
    world.run(checkpoint((attempt(1), events(from: 1, count: 3)), (attempt(2), events(from: 1))))
    world.run(settle(attempt(2)))
    world.run(.purge(.init(caller: World.alice, jobs: [JobID(2)])))
    world.run(.orphan(.init(job: JobID(3))))
    world.run(
      .payloadPart(
        .init(
          caller: World.alice, requestKey: request(90), part: 0, of: 2, bytes: [1])))
    world.run(.raiseStateVersion(.init(to: 3)))
    world.run(submit(5))
    world.run(assign(5))
    world.run(checkpoint((attempt(5), events(from: 1))))
    world.run(lost(attempt(5)))
    world.run(assign(5, epoch: 2))
    world.run(.goesOnFromIDs(.init(attempt: attempt(5, 2))))
    world.run(settle(attempt(5, 2)))
    world.run(
      .submitOnTerms(
        .init(
          submit: plainSubmit(6),
          terms: JobTerms(needs: .tools, preferences: Preferences(only: ["sam"])))))
    world.run(inClass(.batch, 8, needs: .tools, at: 1))
    world.run(checkpoint((attempt(7), events(from: 1))))
    world.run(preempted(attempt(7)))
    world.run(inClass(.interactive, 9))
    world.run(invite())
    world.run(invite(8, role: .gateway, name: "g1"))
    world.run(join(InvitationID(9)))
    world.run(revoke(.node(node("w0"))))
    world.run(revoke(.serial(world.exchange.certificates(limit: 1)[0].number.serial)))
    world.run(.wrappingKeyAnnounce(.init(key: 5)))
    world.run(
      .keyLimit(
        .init(
          caller: World.root, key: World.alice, limit: RateLimit(requests: 7, tokens: nil))))
    world.run(transfer([(2, 3, 5), (3, 4, 1)]))
    world.run(
      .accountCreate(
        .init(caller: World.root, requestKey: request(71), name: "fees", kind: .fees)))
    world.run(feeSet(1_000, to: UInt64(world.exchange.ledger.count)))
    world.run(budget(request: 72))
    world.run(bind(70))
    world.run(admit(1, models: ["m"]))
    world.run(register("w2"))
    world.run(askSet(AskTerms(cachedInput: .zero)))
    world.run(weigh(3, 250))
    world.run(ownerSet(3, "acme"))
    world.run(submit(7, wrappedKey: [0, 0, 0, 0, 0, 0, 0, 5, 1]))
    world.run(assign(9, worker: 2, version: 2))
    world.run(settleSigned(attempt(9), cached: 20))
    return world
  }

  @Test("rows give back the exchange with its indexes and deadlines")
  func restores() throws {
    let world = world()
    let restored = try world.replica.restored()
    #expect(restored.digest == world.exchange.digest)
    #expect(restored.nextDeadline == world.exchange.nextDeadline)
    #expect(restored.orphans == [JobID(3)])
    #expect(restored.queued(model: "m", limit: 9) == [3, 4, 6, 7, 8].map(JobID.init))
    #expect(restored.attempts(of: WorkerID(1)) == [attempt(1)])
    #expect(restored.job(JobID(7))?.preemptions == 1)
    #expect(restored.weight(of: AccountID(3)) == 250 && restored.weight(of: AccountID(4)) == 100)
    #expect(restored.isQueued(model: "m", in: .interactive))
    #expect(Array(restored.segments(of: JobID(1))) == Array(world.exchange.segments(of: JobID(1))))
    #expect(restored.job(account: AccountID(3), requestKey: request(102)) == JobID(2))
    #expect(restored.logTime == world.exchange.logTime)
    #expect(restored.invitations(limit: 9) == world.exchange.invitations(limit: 9))
    #expect(restored.certificates(limit: 9) == world.exchange.certificates(limit: 9))
    #expect(restored.isRevoked(node("w0"), serial: [1]))
    #expect(try restored.wentOnFromIDs(#require(restored.job(JobID(5)))))
    let certificate = try #require(world.exchange.certificates(limit: 1).first)
    #expect(restored.isRevoked(certificate.node, serial: certificate.number.serial))
    #expect(!restored.isRevoked(certificate.node, serial: [9, 9]))
  }

  @Test("rows of records from before they had chain hashes are read")
  func formerSegments() throws {
    var world = world()
    for (key, value) in world.replica.rows[Table.segments.rawValue] ?? [:] {
      let count = Int(value[4])
      var former: [UInt8] = [1] + value[1..<5]
      for head in 0..<count { former += value[(5 + 60 * head)..<(33 + 60 * head)] }
      world.replica.rows[Table.segments.rawValue]?[key] = former + value[(5 + 60 * count)...]
    }
    let restored = try world.replica.restored()
    let (now, before) = (world.exchange.segments(of: JobID(1)), restored.segments(of: JobID(1)))
    #expect(before.map(\.lastSeq) == now.map(\.lastSeq) && before.map(\.row) == now.map(\.row))
    #expect(!before.isEmpty)
    for segment in before {
      let row = try #require(world.replica.rows[Table.segments.rawValue]?[segment.row.key])
      #expect(Array(row[segment.range]) == [1, 2, 3])
      #expect(try segment.chainHash(of: JobID(1), in: row) == nil)
    }
  }

  @Test("the digest is that of all digested rows, bulk rows aside")
  func digest() {
    let world = world()
    var digest = StateDigest()
    for (table, rows) in world.replica.rows where Table(rawValue: table)?.isDigested == true {
      for (key, value) in rows { digest.add(StateDigest(table: table, key: key, value: value)) }
    }
    #expect(digest == world.exchange.digest)
    #expect(
      world.replica.rows.keys.sorted() == [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 22, 23, 24, 28, 32, 34, 35, 37, 38, 39, 40,
        41, 42, 43, 44, 46, 47, 49, 52,
      ])
  }

  @Test("a damaged, missing or foreign row is found")
  func damage() throws {
    let world = world()
    for table in Table.allCases where table.isRestored {
      let stored = try #require(world.replica.rows[table.rawValue])
      for (key, value) in stored where !value.isEmpty {
        var missing = world.replica
        missing.rows[table.rawValue]?[key] = nil
        #expect(throws: RestoreError.self, "\(table) missing") {
          try missing.restored(expecting: world.exchange.digest)
        }
        guard table.isDigested else { continue }
        for place in stride(from: 0, to: value.count, by: max(1, value.count / 12)) {
          var damaged = world.replica
          damaged.rows[table.rawValue]?[key]?[place] ^= 0x10
          #expect(throws: RestoreError.self, "\(table) damaged at \(place)") {
            try damaged.restored(expecting: world.exchange.digest)
          }
        }
      }
    }
    var foreign = world.replica
    foreign.rows[4]?[[1]] = [1]
    #expect(throws: RestoreError.self) { try foreign.restored() }
  }

  @Test("rows that contradict each other are found even under their own digest")
  func contradiction() throws {
    let world = world()
    var replica = world.replica
    let jobs = try #require(replica.rows[4])
    let open: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 6]
    replica.rows[4]?[open] = nil
    var digest = world.exchange.digest
    digest.remove(StateDigest(table: 4, key: open, value: try #require(jobs[open])))
    #expect(throws: RestoreError.inconsistent("holds of account 3")) {
      try replica.restored(expecting: digest)
    }
  }

  @Test("an entry that changes a row twice reports it once, and rows that came and went not at all")
  func changesOnce() {
    var world = World()
    let applied = world.replica.apply([submit(1), cancel(1), submit(2), assign(2)], at: 5)
    let keys = applied.changes.map { [$0.table] + $0.key }
    #expect(Set(keys).count == keys.count)
    #expect(keys == keys.sorted { $0.lexicographicallyPrecedes($1) })
    let payloads = applied.changes.filter { $0.table == Table.payloadParts.rawValue }
    #expect(payloads.count == 1 && payloads[0].value == [5, 6])
    #expect(applied.effects.count == 4)
  }
}
