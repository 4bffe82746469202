/// Rows of text in columns as wide as they need to be.
struct Table {
  private var rows: [[String]]

  init(_ columns: String...) { rows = [columns] }

  mutating func add(_ cells: String...) { rows.append(cells.map { Terminal.plain($0) }) }

  /// The lines, without spaces at their ends.
  var text: String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        .joined(separator: "  ")
      while line.hasSuffix(" ") { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
