internal import Foundation
internal import Logging
internal import OpenAIFormat

/// One event of a log as bytes; always one line, whatever it says.
struct LogLine {
  let time: Date
  let level: Logger.Level
  let module: String
  let message: String
  /// In the order of their names.
  let fields: [(name: String, value: String)]

  /// The line in a format, with its end.
  func bytes(_ format: LogFormat) -> [UInt8] {
    switch format {
    case .text: Array((text + "\n").utf8)
    case .json: Array((Self.visible(String(json.line.dropLast())) + "\n").utf8)
    }
  }

  private var text: String {
    fields.reduce("\(moment) \(level) \(module): \(Self.flat(message))") {
      "\($0) \($1.name)=\(Self.isPlain($1.value) ? $1.value : Self.quoted($1.value))"
    }
  }

  private var json: JSONText {
    [
      "time": .string(moment), "level": .string(level.rawValue), "module": .string(module),
      "message": .string(message),
      "fields": .object(fields.map { ($0.name, .string($0.value)) }),
    ]
  }

  /// Such as `2026-11-29T01:02:03.456Z`.
  private var moment: String {
    time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }

  private static func isPlain(_ value: String) -> Bool {
    !value.isEmpty
      && value.unicodeScalars.allSatisfy {
        $0 != " " && $0 != "\"" && $0 != "=" && !Terminal.steers($0)
      }
  }

  /// A value in quotes, as JSON has them.
  private static func quoted(_ value: String) -> String {
    var writer = JSONWriter()
    writer.string(value)
    return visible(String(decoding: writer.bytes, as: UTF8.self))
  }

  /// JSON in which what steers a terminal is escaped too, where JSON lets it stand: U+009B begins a sequence as ESC [ does.
  private static func visible(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: Terminal.steers) else { return json }
    var text = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      if Terminal.steers(scalar) {
        let digits = String(scalar.value, radix: 16)
        text += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".unicodeScalars
      } else {
        text.append(scalar)
      }
    }
    return String(text)
  }

  /// A message on one line: what came from elsewhere cannot make a line of its own.
  private static func flat(_ message: String) -> String {
    message.unicodeScalars.contains(where: Terminal.steers)
      ? String(quoted(message).dropFirst().dropLast()) : message
  }
}
