/// A node's configuration: the options of its command, one a line, in a strict subset of YAML.
///
/// ```
/// role: coordinator            # first; which command's options these are
/// id: 1                        # an option without its dashes
/// join: true                   # a flag: true or false
/// peers:                       # a list is joined by commas
///   - 1=10.0.0.1:7400
///   - 2=10.0.0.2:7400
/// ```
///
/// A value is plain, or in single or double quotes. Whatever else YAML has is refused by its line, so that every file
/// means to any YAML reader what it means here (decision 0022).
struct ConfigurationFile {
  /// One key with its value, or the elements of its list.
  struct Entry: Equatable {
    let key: String
    var values: [String]
    let isList: Bool
    let line: Int
  }

  let path: String
  let role: NodeCommandRole
  /// In their order, without the role.
  let entries: [Entry]

  init(parsing text: String, path: String) throws(CommandError) {
    self.path = path
    var entries: [Entry] = []
    func refusal(_ line: Int, _ what: String) -> CommandError {
      CommandError(.usage, "\(path):\(line): \(what)")
    }
    for (place, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = place + 1
      let content = raw.hasSuffix("\r") ? raw.dropLast() : raw
      let body = content.drop { $0 == " " }
      if body.isEmpty || body.hasPrefix("#") { continue }
      if body.contains("\t") { throw refusal(line, "a tab; use spaces") }
      if body.startIndex > content.startIndex {
        guard body.hasPrefix("- "), let last = entries.indices.last, entries[last].isList else {
          throw refusal(line, "indented, and no element '- …' of a list: keys begin their line")
        }
        do throws(Refusal) {
          entries[last].values.append(try Self.scalar(body.dropFirst(2)))
        } catch {
          throw refusal(line, "\(entries[last].key): \(error.what)")
        }
        continue
      }
      guard let colon = body.firstIndex(of: ":"),
        body.index(after: colon) == body.endIndex || body[body.index(after: colon)] == " "
      else { throw refusal(line, "no 'key: value'") }
      let key = String(body[..<colon])
      guard let first = key.first, first.isLowercase, first.isASCII,
        key.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") })
      else { throw refusal(line, "'\(key)' is no key: lower-case letters, digits and dashes") }
      if let before = entries.first(where: { $0.key == key }) {
        throw refusal(line, "\(key): given before, in line \(before.line)")
      }
      do throws(Refusal) {
        let rest = body[body.index(after: colon)...].drop { $0 == " " }
        let isList = rest.isEmpty || rest.hasPrefix("#")
        entries.append(
          Entry(key: key, values: isList ? [] : [try Self.scalar(rest)], isList: isList, line: line)
        )
      } catch {
        throw refusal(line, "\(key): \(error.what)")
      }
    }
    if let empty = entries.first(where: { $0.values.isEmpty }) {
      throw refusal(empty.line, "\(empty.key): no value; leave the key away for its default")
    }
    guard let first = entries.first, first.key == "role" else {
      throw refusal(
        entries.first?.line ?? 1, "the first key is role: coordinator, worker or gateway")
    }
    guard let role = NodeCommandRole(rawValue: first.values[0]), !first.isList else {
      throw refusal(
        first.line, "role: '\(first.values[0])' is none of coordinator, worker, gateway")
    }
    self.role = role
    self.entries = Array(entries.dropFirst())
  }

  private struct Refusal: Error { let what: String }

  /// A value: plain up to a comment, or in quotes.
  private static func scalar(_ text: Substring) throws(Refusal) -> String {
    let text = text.drop { $0 == " " }
    guard let first = text.first else { throw Refusal(what: "no value") }
    guard first == "\"" || first == "'" else {
      guard !"[]{}&*!|>%@`,?-#".contains(first) || (first == "-" && text.dropFirst().first != " ")
      else { throw Refusal(what: "a value cannot begin with '\(first)' here; put it in quotes") }
      var plain = Substring()
      var previous: Character = "a"
      for character in text {
        if character == "#", previous == " " { break }
        if character == " ", previous == ":" {
          throw Refusal(what: "': ' within a value; put it in quotes")
        }
        plain.append(character)
        previous = character
      }
      while plain.last == " " { plain.removeLast() }
      return String(plain)
    }
    var value = ""
    var rest = text.dropFirst()
    while let character = rest.popFirst() {
      if character == first {
        if first == "'", rest.first == "'" {
          value.append("'")
          rest.removeFirst()
          continue
        }
        let after = rest.drop { $0 == " " }
        guard after.isEmpty || (after.hasPrefix("#") && rest.first == " ") else {
          throw Refusal(what: "'\(after)' after the closing quote")
        }
        return value
      }
      if first == "\"", character == "\\" {
        guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else {
          throw Refusal(what: "after a backslash only \\ and \" can stand")
        }
        value.append(escaped)
      } else {
        value.append(character)
      }
    }
    throw Refusal(what: "the closing quote is missing")
  }

  /// The command line that the file stands for, each key checked against the command's own options.
  func arguments() throws(CommandError) -> [String] {
    let options = role.options
    var arguments: [String] = []
    for entry in entries {
      guard let option = options.first(where: { $0.key == entry.key }) else {
        throw refusal(
          entry,
          "no option of yard \(role.words.joined(separator: " ")); it has: "
            + options.map(\.key).joined(separator: ", "))
      }
      if option.isFlag {
        guard !entry.isList, let isOn = ["true": true, "false": false][entry.values[0]] else {
          throw refusal(entry, "a flag; true or false")
        }
        if isOn { arguments.append("--\(entry.key)") }
      } else {
        arguments.append("--\(entry.key)=\(entry.values.joined(separator: ","))")
      }
    }
    return arguments
  }

  /// A refusal of one entry, by its line.
  func refusal(_ entry: Entry, _ what: String) -> CommandError {
    CommandError(.usage, "\(path):\(entry.line): \(entry.key): \(what)")
  }
}
