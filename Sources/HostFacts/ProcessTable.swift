internal import Foundation

/// The processes of this host, as far as `/proc` shows them to this user.
enum ProcessTable {
  /// The process that listens at a local TCP port, with all its descendants; nil if none can be seen.
  static func listening(at port: UInt16) -> Set<Int>? {
    var inodes: Set<String> = []
    // Not /proc/net, which a unit with ProcSubset=pid does not have.
    for file in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
      inodes.formUnion(inodesListening(at: port, in: text(of: file) ?? ""))
    }
    guard !inodes.isEmpty else { return nil }
    let processes = numbers
    let listeners = processes.filter { holds(inodes, $0) }
    guard !listeners.isEmpty else { return nil }
    let parents = processes.compactMap { pid in
      text(of: "/proc/\(pid)/stat").flatMap(parent).map { (pid, $0) }
    }
    return descendants(
      of: Set(listeners), parents: Dictionary(parents, uniquingKeysWith: { first, _ in first }))
  }

  /// The sockets that listen at a port, from the table of proc_net(5): `local_address` ends in the port, state `0A`
  /// is LISTEN, the tenth column is the inode.
  static func inodesListening(at port: UInt16, in table: String) -> [String] {
    let wanted = String(port, radix: 16, uppercase: true)
    let ending = ":" + String(repeating: "0", count: 4 - wanted.count) + wanted
    return table.split(whereSeparator: \.isNewline).compactMap { line in
      let columns = line.split(separator: " ")
      guard columns.count > 9, columns[1].hasSuffix(ending), columns[3] == "0A" else { return nil }
      return String(columns[9])
    }
  }

  /// The parent's number, from the line of proc_pid_stat(5): the name in parentheses may have anything in it.
  static func parent(_ stat: String) -> Int? {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let columns = stat[stat.index(after: end)...].split(separator: " ")
    return columns.count > 1 ? Int(columns[1]) : nil
  }

  /// These processes and all that descend from them.
  static func descendants(of roots: Set<Int>, parents: [Int: Int]) -> Set<Int> {
    let children = Dictionary(grouping: parents.keys) { parents[$0] ?? 0 }
    var found = roots
    var rest = Array(roots)
    while let next = rest.popLast() {
      for child in children[next] ?? [] where found.insert(child).inserted { rest.append(child) }
    }
    return found
  }

  private static var numbers: [Int] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else {
      return []  // Not mounted: nothing can be seen.
    }
    return names.compactMap { Int($0) }
  }

  private static func holds(_ inodes: Set<String>, _ pid: Int) -> Bool {
    let folder = "/proc/\(pid)/fd"
    // Another user's process does not show what it has open, and one that has ended has nothing.
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      return false
    }
    return names.contains { name in
      guard
        let target = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "\(folder)/\(name)"),
        target.hasPrefix("socket:[")
      else { return false }
      return inodes.contains(String(target.dropFirst(8).dropLast()))
    }
  }

  private static func text(of path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }
}
