import ExchangeTypes
import JobDispatch
import Testing

@Suite("Which coordinators are taken for revoked")
struct CoordinatorStandingsTests {
  private let one = ReplicaID(1)
  private let two = ReplicaID(2)
  private let three = ReplicaID(3)

  private func revoked(_ standings: CoordinatorStandings) -> [ReplicaID] {
    [one, two, three].filter(standings.isRevoked)
  }

  @Test("one that keeps silence about itself is named by any other, and its own word says nothing")
  func silence() {
    var standings = CoordinatorStandings()
    standings.heard([], from: three)
    #expect(!standings.isVouchedFor(three))
    #expect(standings.isVouchedFor(one))
    standings.heard([three], from: one)
    #expect(revoked(standings) == [three])
    standings.heard([one], from: one)
    #expect(!standings.isRevoked(one))
  }

  @Test("the last verdict stays when nobody is left who has spoken")
  func memory() {
    var standings = CoordinatorStandings()
    standings.heard([three], from: one)
    standings.left(one)
    #expect(!standings.isVouchedFor(three))
    #expect(revoked(standings) == [three])
    standings.heard([], from: three)
    #expect(revoked(standings) == [three])
  }

  @Test("one that has not heard yet does not outweigh one that has, once the first hears")
  func lag() {
    var standings = CoordinatorStandings()
    standings.heard([], from: two)
    standings.heard([three], from: one)
    #expect(revoked(standings) == [])
    standings.heard([three], from: two)
    #expect(revoked(standings) == [three])
  }

  @Test(
    "one that lies is outvoted by two, in whatever order they speak",
    arguments: [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]])
  func liar(order: [UInt64]) {
    var standings = CoordinatorStandings()
    for id in order.map(ReplicaID.init) {
      standings.heard(id == three ? [one, two] : [three], from: id)
    }
    #expect(revoked(standings) == [three])
    // Its word does not come back to life when the others are fewer, or none.
    standings.left(two)
    standings.heard([three], from: one)
    #expect(revoked(standings) == [three])
    standings.left(one)
    standings.heard([three], from: two)
    #expect(revoked(standings) == [three])
  }

  @Test("one alone that lies about two that are good does not convince when both speak")
  func falseWitness() {
    var standings = CoordinatorStandings()
    standings.heard([one, two], from: three)
    #expect(revoked(standings) == [one, two])
    standings.heard([], from: one)
    standings.heard([], from: two)
    #expect(revoked(standings) == [])
  }
}
