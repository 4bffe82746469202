internal import ExchangeTypes
internal import Foundation
internal import WireProtocol

/// A line of JSON about an event of an output: what `--output json` prints, and what a receipt is compared with.
struct EventLine: Decodable {
  private struct Malformed: Error {}

  private struct Members: Decodable {
    let seq: UInt64
    let choice: UInt16
    let kind: String
    let tokens: UInt32
    /// Absent where an earlier program printed the line.
    let ids: [UInt32]?
    let text, hex: String?
  }

  /// Nil for a line about something else.
  private let event: Members?

  /// Writes it.
  ///
  /// Bytes of one character may be split over events; what is no whole text travels as hexadecimal.
  static func text(of event: Event, durableThrough: UInt64) -> String {
    let text = event.kind == .vector ? nil : String(validating: event.bytes, as: UTF8.self)
    let members: JSONText = [
      "seq": .unsigned(event.seq), "choice": .number(event.choice),
      "kind": .string(event.kind.name), "tokens": .number(event.tokenCount),
      "ids": .array(event.ids.map { .number($0) }), "durable_through": .unsigned(durableThrough),
      text == nil ? "hex" : "text": .string(text ?? hexadecimal(event.bytes)),
    ]
    return JSONText.object([("event", members)]).line
  }

  /// Reads the events of what `yard run` or `yard result` printed, whatever else it printed.
  ///
  /// - Throws: `CommandError` with the number of the line that is not one of it.
  static func events(of text: String, named name: String) throws(CommandError) -> [Event] {
    var events: [Event] = []
    let decoder = JSONDecoder()
    for (number, line) in text.split(separator: "\n").enumerated() {
      do {
        if let members = try decoder.decode(EventLine.self, from: Data(line.utf8)).event {
          events.append(try event(members))
        }
      } catch {
        throw CommandError(
          .refused, "\(name):\(number + 1): not a line of what yard result --output json prints")
      }
    }
    return events
  }

  private static func event(_ members: Members) throws -> Event {
    guard let kind = EventKind.allCases.first(where: { $0.name == members.kind }),
      let bytes = members.text.map({ Array($0.utf8) })
        ?? members.hex.flatMap({ bytes(ofHexadecimal: $0) })
    else { throw Malformed() }
    return Event(
      seq: members.seq, choice: members.choice, kind: kind, tokenCount: members.tokens,
      ids: members.ids ?? [], bytes: bytes)
  }
}
