/// What one client did to a shared object: a call, and an answer if one came.
public struct HistoryOperation<Call: Sendable, Answer: Sendable>: Sendable {
  /// What was asked.
  public let call: Call
  /// What was answered; nil if nobody knows whether it happened.
  public let answer: Answer?
  /// When it was asked.
  public let asked: UInt64
  /// When the answer came; later than anything, if none did.
  public let answered: UInt64

  /// Joins the parts; without an answer the operation may have happened at any later time, or never.
  public init(_ call: Call, asked: UInt64, answered: UInt64, answer: Answer) {
    self.call = call
    self.answer = answer
    self.asked = asked
    self.answered = answered
  }

  /// An operation that got no answer.
  public init(unanswered call: Call, asked: UInt64) {
    self.call = call
    answer = nil
    self.asked = asked
    answered = .max
  }
}

/// What a shared object does when it is asked one thing after the other.
public protocol SequentialObject: Hashable, Sendable {
  /// What it can be asked.
  associatedtype Call: Sendable
  /// What it answers.
  associatedtype Answer: Sendable
  /// The object after a call, or nil if it would not have answered so; no answer fits everything.
  func after(_ call: Call, answering answer: Answer?) -> Self?
}

/// Looks for an order of a history's operations that one object could have carried out: each between its call
/// and its answer.
///
/// It is blind: it knows nothing of logs and indices, only what clients were told. Wing and Gong's search with
/// Lowe's memory (2017): what was tried before with the same operations done and the same object left is not tried
/// again. Exponential at worst, so for small histories.
public enum LinearizabilitySearch {
  /// A history has at most so many operations: a word's bits.
  public static let operationsMax = 64

  /// Whether there is such an order of `history`, which has at most `operationsMax` operations, on `object`, which
  /// is what they found.
  public static func finds<Object: SequentialObject>(
    _ history: [HistoryOperation<Object.Call, Object.Answer>], on object: Object
  ) -> Bool {
    precondition(history.count <= operationsMax, "a history of this length is not searched")
    var search = Search(history, object)
    return search.run()
  }

  private struct Search<Object: SequentialObject> {
    private struct Place: Hashable {
      let done: UInt64
      let object: Object
    }

    private let history: [HistoryOperation<Object.Call, Object.Answer>]
    /// The operations that were answered: all of them must find a place.
    private let demanded: UInt64
    private var open: [Place]
    private var seen: Set<Place>

    init(_ history: [HistoryOperation<Object.Call, Object.Answer>], _ object: Object) {
      self.history = history.sorted { ($0.asked, $0.answered) < ($1.asked, $1.answered) }
      demanded = self.history.enumerated().reduce(0) {
        $1.element.answer == nil ? $0 : $0 | 1 << UInt64($1.offset)
      }
      let start = Place(done: 0, object: object)
      open = [start]
      seen = [start]
    }

    mutating func run() -> Bool {
      while let place = open.popLast() {
        if place.done & demanded == demanded { return true }
        let next = successors(of: place)
        // What leaves the object as it is may as well come first: no other order is possible only without that.
        let same = next.first {
          $0.object == place.object && $0.done & ~demanded == place.done & ~demanded
        }
        for successor in same.map({ [$0] }) ?? next where seen.insert(successor).inserted {
          open.append(successor)
        }
      }
      return false
    }

    private func successors(of place: Place) -> [Place] {
      history.enumerated().compactMap { number, operation in
        guard mayComeNext(number, place.done),
          let object = place.object.after(operation.call, answering: operation.answer)
        else { return nil }
        return Place(done: place.done | 1 << UInt64(number), object: object)
      }
    }

    /// Nothing that is still to come was answered before this was asked.
    private func mayComeNext(_ number: Int, _ done: UInt64) -> Bool {
      guard done >> UInt64(number) & 1 == 0 else { return false }
      let asked = history[number].asked
      return history.enumerated().allSatisfy { other, operation in
        other == number || done >> UInt64(other) & 1 == 1 || operation.answered >= asked
      }
    }
  }
}
