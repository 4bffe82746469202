internal import Glibc

/// The walk of `PageAudit` through all trees of one state.
struct PageWalk {
  private typealias Key = UnsafeRawBufferPointer

  /// How the keys of a tree are ordered.
  private enum Order {
    /// As unsigned bytes, a prefix first.
    case bytes
    /// As transaction numbers.
    case number

    func precedes(_ left: Key, _ right: Key) -> Bool {
      switch self {
      case .bytes:
        guard let leftBytes = left.baseAddress, let rightBytes = right.baseAddress else {
          return left.count < right.count
        }
        let order = memcmp(leftBytes, rightBytes, min(left.count, right.count))
        return order == 0 ? left.count < right.count : order < 0
      case .number:
        return left.number(at: 0, as: UInt64.self) < right.number(at: 0, as: UInt64.self)
      }
    }
  }

  /// What was met in one tree.
  private struct Tally {
    var branchPages: UInt64 = 0
    var leafPages: UInt64 = 0
    var overflowPages: UInt64 = 0
    var entries: UInt64 = 0
  }

  /// One tree's walk: what holds for all its pages.
  private struct Tree {
    let name: String
    let order: Order
    /// Whether its values may be records of other trees.
    let holdsTrees: Bool
  }

  private let file: UnsafeRawBufferPointer
  private let meta: MetaPage
  private let pageBytes: Int
  /// Which pages of the file were reached.
  private var isReached: [Bool]
  private(set) var pagesInTrees = 0
  private(set) var pagesFree = 0
  /// The highest transaction that the list of free pages knows.
  private(set) var newestFreeing: UInt64 = 0

  init(_ file: UnsafeRawBufferPointer, _ meta: MetaPage) {
    self.file = file
    self.meta = meta
    pageBytes = meta.pageBytes
    isReached = Array(repeating: false, count: file.count / meta.pageBytes)
    isReached[0] = true
    isReached[1] = true
  }

  // MARK: Trees

  /// Walks the list of free pages: transaction number → count, then that many page numbers.
  mutating func walkFreeList() throws(Damage) {
    let tree = Tree(name: "the list of free pages", order: .number, holdsTrees: false)
    var lists: [UnsafeRawBufferPointer] = []
    var newest: UInt64 = 0
    try walk(tree, meta.freeList) { (key, _, _, value) throws(Damage) in
      newest = key.number(at: 0, as: UInt64.self)
      lists.append(value)
    }
    newestFreeing = newest
    for list in lists {
      guard list.count >= 8 else { throw Damage("a list of free pages has no count") }
      let count = list.number(at: 0, as: UInt64.self)
      guard count <= (list.count - 8) / 8 else { throw Damage("a list of free pages is too short") }
      for place in 0..<Int(count) {
        try claimFree(list.number(at: 8 + 8 * place, as: UInt64.self))
      }
      pagesFree += Int(count)
    }
  }

  /// Walks the tree of names and the trees that it names.
  mutating func walkMain() throws(Damage) {
    let main = Tree(name: "the main tree", order: .bytes, holdsTrees: true)
    guard meta.main.flags == 0 else { throw Damage("the main tree has flags") }
    var named: [(String, TreeRecord)] = []
    let file = file
    try walk(main, meta.main) { (key, flags, offset, value) throws(Damage) in
      guard flags == Layout.nodeTree else { return }
      let name = String(decoding: key, as: UTF8.self)
      guard value.count == TreeRecord.byteCount else {
        throw Damage("the record of \(name) has \(value.count) bytes")
      }
      named.append((name, TreeRecord(file, at: offset)))
    }
    for (name, record) in named {
      guard record.flags == 0 else { throw Damage("the tree \(name) has flags") }
      try walk(Tree(name: "the tree \(name)", order: .bytes, holdsTrees: false), record) {
        (_, _, _, _) throws(Damage) in
      }
    }
  }

  private typealias Visit = (Key, UInt16, Int, UnsafeRawBufferPointer) throws(Damage) -> Void

  /// Walks one tree, gives each entry to `visit` (key, node flags, offset and bytes of the value), and
  /// compares what it met with the tree's record.
  private mutating func walk(
    _ tree: Tree, _ record: TreeRecord, _ visit: Visit
  ) throws(Damage) {
    var tally = Tally()
    if record.isEmpty {
      guard record.depth == 0 else { throw Damage("\(tree.name) has a depth but no root") }
    } else {
      guard (1...Layout.depthMax).contains(record.depth) else {
        throw Damage("\(tree.name) has depth \(record.depth)")
      }
      try walk(
        tree, page: record.root, levels: record.depth, from: nil, to: nil, &tally, visit)
    }
    guard tally.branchPages == record.branchPages, tally.leafPages == record.leafPages,
      tally.overflowPages == record.overflowPages, tally.entries == record.entries
    else { throw Damage("\(tree.name) does not have the pages and entries that its record says") }
  }

  private mutating func walk(
    _ tree: Tree, page number: UInt64, levels: UInt16, from lower: Key?, to upper: Key?,
    _ tally: inout Tally, _ visit: Visit
  ) throws(Damage) {
    let page = try claim(number, of: tree)
    let isLeaf = levels == 1
    let nodes = try nodes(of: page, isLeaf: isLeaf, tree)
    if isLeaf { tally.leafPages += 1 } else { tally.branchPages += 1 }

    var previous: Key?
    for (place, node) in nodes.enumerated() {
      // The first key of a branch is not looked at: its child takes all that is lower.
      let isBound = isLeaf || place > 0
      if isBound {
        if tree.order == .number && node.key.count != 8 {
          throw Damage("page \(page) of \(tree.name) has a key of \(node.key.count) bytes")
        }
        if let previous, !tree.order.precedes(previous, node.key) {
          throw Damage("page \(page) of \(tree.name) has its keys out of order")
        }
        let isTooLow = lower.map { tree.order.precedes(node.key, $0) } ?? false
        let isTooHigh = upper.map { !tree.order.precedes(node.key, $0) } ?? false
        guard !isTooLow && !isTooHigh else {
          throw Damage("page \(page) of \(tree.name) has a key that belongs elsewhere")
        }
        previous = node.key
      }
      if isLeaf {
        tally.entries += 1
        let (offset, value) = try value(of: node, page: page, tree, &tally)
        try visit(node.key, node.flags, offset, value)
      } else {
        let next = place + 1 < nodes.count ? nodes[place + 1].key : upper
        try walk(
          tree, page: node.child, levels: levels - 1, from: isBound ? node.key : lower, to: next,
          &tally, visit)
      }
    }
  }

  // MARK: Pages

  /// Takes a page of a tree; it must be in the file, untaken, and say its own number.
  private mutating func claim(_ number: UInt64, of tree: Tree) throws(Damage) -> Int {
    guard number <= meta.lastPage, number < isReached.count else {
      throw Damage("\(tree.name) refers to page \(number), which is not in the file")
    }
    let page = Int(number)
    guard !isReached[page] else { throw Damage("page \(page) is used twice") }
    guard file.number(at: page * pageBytes, as: UInt64.self) == number else {
      throw Damage("page \(page) of \(tree.name) says that it is another page")
    }
    isReached[page] = true
    pagesInTrees += 1
    return page
  }

  private mutating func claimFree(_ number: UInt64) throws(Damage) {
    guard number >= 2, number <= meta.lastPage else {
      throw Damage("page \(number) cannot be free")
    }
    // A free page may lie beyond the end of the file, see `pagesBeyondEndMax`.
    guard number < isReached.count else { return }
    guard !isReached[Int(number)] else { throw Damage("page \(number) is free twice") }
    isReached[Int(number)] = true
  }

  // MARK: Nodes

  private struct Node {
    let flags: UInt16
    let key: Key
    /// For a branch.
    let child: UInt64
    /// For a leaf: where the value, or the number of its first page, is in the file.
    let valueOffset: Int
    let valueBytes: Int
  }

  /// The nodes of a page, in the order of their keys; they fill it from `upper` to its end.
  private func nodes(of page: Int, isLeaf: Bool, _ tree: Tree) throws(Damage) -> [Node] {
    let start = page * pageBytes
    let flags = file.number(at: start + Layout.pageFlags, as: UInt16.self)
    guard flags == (isLeaf ? Layout.leafFlag : Layout.branchFlag) else {
      throw Damage("page \(page) of \(tree.name) is of kind \(flags)")
    }
    let lower = Int(file.number(at: start + Layout.pageLower, as: UInt16.self))
    let upper = Int(file.number(at: start + Layout.pageUpper, as: UInt16.self))
    guard lower > Layout.header, lower.isMultiple(of: 2), lower <= upper, upper <= pageBytes else {
      throw Damage("page \(page) of \(tree.name) has impossible bounds")
    }
    var nodes: [Node] = []
    nodes.reserveCapacity((lower - Layout.header) / 2)
    var filled = 0
    for pointer in stride(from: Layout.header, to: lower, by: 2) {
      let offset = Int(file.number(at: start + pointer, as: UInt16.self))
      guard offset >= upper, offset + Layout.nodeHead <= pageBytes else {
        throw Damage("page \(page) of \(tree.name) has a node outside its bounds")
      }
      let (node, bytes) = node(at: start + offset, isLeaf: isLeaf)
      guard offset + bytes <= pageBytes else {
        throw Damage("page \(page) of \(tree.name) has a node that does not fit")
      }
      filled += bytes + bytes % 2
      nodes.append(node)
    }
    guard upper + filled == pageBytes else {
      throw Damage("the nodes of page \(page) of \(tree.name) do not fill it")
    }
    return nodes
  }

  /// The node at `offset` with its size, which may reach out of the page and even out of the file:
  /// its key must not be read before the size is checked.
  private func node(at offset: Int, isLeaf: Bool) -> (Node, bytes: Int) {
    let low = UInt64(file.number(at: offset, as: UInt16.self))
    let high = UInt64(file.number(at: offset + 2, as: UInt16.self))
    let flags = file.number(at: offset + 4, as: UInt16.self)
    let keyBytes = Int(file.number(at: offset + 6, as: UInt16.self))
    let keyStart = offset + Layout.nodeHead
    let key = Key(
      start: file.baseAddress.map { $0 + keyStart }, count: keyBytes)
    let valueBytes = isLeaf ? Int(high << 16 | low) : 0
    let node = Node(
      flags: isLeaf ? flags : 0, key: key, child: UInt64(flags) << 32 | high << 16 | low,
      valueOffset: keyStart + keyBytes, valueBytes: valueBytes)
    let inPage = isLeaf ? (flags & Layout.nodeBig != 0 ? 8 : valueBytes) : 0
    return (node, Layout.nodeHead + keyBytes + inPage)
  }

  /// Where a leaf's value is, and its bytes; a large one has pages of its own.
  private mutating func value(
    of node: Node, page: Int, _ tree: Tree, _ tally: inout Tally
  ) throws(Damage) -> (offset: Int, bytes: UnsafeRawBufferPointer) {
    if node.flags == Layout.nodeBig {
      let first = file.number(at: node.valueOffset, as: UInt64.self)
      let run = try claimRun(from: first, bytes: node.valueBytes, tree)
      tally.overflowPages += UInt64(run)
      return slice(Int(first) * pageBytes + Layout.header, node.valueBytes)
    }
    guard node.flags == 0 || node.flags == Layout.nodeTree && tree.holdsTrees else {
      throw Damage("page \(page) of \(tree.name) has a node of kind \(node.flags)")
    }
    return slice(node.valueOffset, node.valueBytes)
  }

  /// Takes the consecutive pages of a large value, and answers how many they are.
  private mutating func claimRun(
    from first: UInt64, bytes: Int, _ tree: Tree
  ) throws(Damage) -> Int {
    let head = try claim(first, of: tree)
    let flags = file.number(at: head * pageBytes + Layout.pageFlags, as: UInt16.self)
    let run = Int(file.number(at: head * pageBytes + Layout.pageRun, as: UInt32.self))
    guard flags == Layout.overflowFlag, run >= 1, Layout.header + bytes <= run * pageBytes,
      head + run <= isReached.count, head + run - 1 <= meta.lastPage
    else { throw Damage("page \(head) of \(tree.name) does not hold its large value") }
    for page in (head + 1)..<(head + run) {
      guard !isReached[page] else { throw Damage("page \(page) is used twice") }
      isReached[page] = true
    }
    pagesInTrees += run - 1
    return run
  }

  private func slice(
    _ offset: Int, _ count: Int
  ) -> (offset: Int, bytes: UnsafeRawBufferPointer) {
    (offset, UnsafeRawBufferPointer(rebasing: file[offset..<(offset + count)]))
  }
}
