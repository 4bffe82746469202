internal import CLMDB
internal import Glibc

/// Reads all pages in use of a closed data file and refuses it if they contradict each other.
///
/// LMDB trusts its file: it follows a damaged offset out of the page, and a damaged page number out of
/// the map, and where it does not crash it may take a live page for a free one. So the audit demands,
/// before LMDB sees the file:
///
/// - the two meta pages agree, and are of two consecutive transactions;
/// - every page that the newest one reaches lies in the file, says its own number and kind, and holds
///   its nodes packed, without gap or overlap;
/// - keys are in order and inside the bounds that the pages above give them;
/// - no page is reached twice, be it from a tree or from the list of free pages;
/// - each tree has the depth, pages and entries that its record says.
///
/// It cannot see damage inside a value, which is the business of whoever wrote the value.
///
/// The layout is that of LMDB 0.9 on a 64-bit little-endian machine (`mdb.c`: `MDB_page`, `MDB_meta`,
/// `MDB_db`, `MDB_node`).
public struct PageAudit: Hashable, Sendable {
  /// The transaction that wrote the newest state.
  public let transactionID: UInt64
  /// Pages reached from the trees, with the two meta pages.
  public let pagesUsed: Int
  /// Pages on the list of free pages.
  public let pagesFree: Int
  /// Pages neither used nor free: space that LMDB leaked, which harms nobody.
  public let pagesLost: Int

  /// Audits `file`; nil if it does not exist or is empty, as before LMDB first opens it.
  ///
  /// The file must not be open in an environment, and must not change meanwhile.
  public static func check(file: String) throws(LMDBError) -> PageAudit? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 && errno == ENOENT { return nil }
    guard descriptor >= 0 else { throw LMDBError(code: errno, operation: "open \(file)") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw LMDBError(code: errno, operation: "open \(file)")
    }
    if status.st_size == 0 { return nil }
    let mapped = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else {
      throw LMDBError(code: errno, operation: "map \(file)")
    }
    defer { munmap(mapped, Int(status.st_size)) }
    madvise(mapped, Int(status.st_size), MADV_SEQUENTIAL)
    let bytes = UnsafeRawBufferPointer(start: mapped, count: Int(status.st_size))
    do throws(Damage) {
      return try check(bytes)
    } catch {
      throw LMDBError(
        reason: .corrupted, code: MDB_CORRUPTED, operation: "audit \(file)",
        message: error.description)
    }
  }

  private static func check(_ file: UnsafeRawBufferPointer) throws(Damage) -> PageAudit {
    let (meta, older) = try MetaPage.both(file)
    try refuseBackdating(of: older, beside: meta, file)
    var walk = PageWalk(file, meta)
    try walk.walkFreeList()
    guard walk.newestFreeing <= meta.transactionID else {
      throw Damage("transaction \(meta.transactionID) knows transaction \(walk.newestFreeing)")
    }
    try walk.walkMain()
    let used = walk.pagesInTrees + 2
    return PageAudit(
      transactionID: meta.transactionID, pagesUsed: used, pagesFree: walk.pagesFree,
      pagesLost: max(0, meta.lastPage + 1 - used - walk.pagesFree))
  }

  /// Throws if the older meta page is in truth the newer one, with a lower number.
  ///
  /// Nearly every commit frees pages under its own number, which gives it away: the number after that of the other
  /// page. The state of a truly older page may be overwritten already, by a commit that a crash cut off: then it cannot be
  /// read, and need not be. Or it can, and is that of the commit which was cut off: after one whose seal was lost,
  /// which is the number after that.
  private static func refuseBackdating(
    of older: MetaPage, beside newest: MetaPage, _ file: UnsafeRawBufferPointer
  ) throws(Damage) {
    var walk = PageWalk(file, older)
    do throws(Damage) { try walk.walkFreeList() } catch { return }
    guard walk.newestFreeing != newest.transactionID &+ 1 else {
      throw Damage("transaction \(older.transactionID) knows transaction \(walk.newestFreeing)")
    }
  }
}

/// What contradicts what.
struct Damage: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The root of one committed state (`MDB_meta`).
struct MetaPage {
  let pageBytes: Int
  let freeList: TreeRecord
  let main: TreeRecord
  let lastPage: Int
  let transactionID: UInt64

  /// The meta page that LMDB would choose, and the other one.
  static func both(
    _ file: UnsafeRawBufferPointer
  ) throws(Damage) -> (newest: MetaPage, older: MetaPage) {
    // The size of a page is in the first meta page, the second one starts after it.
    guard file.count >= 512 else { throw Damage("the file has only \(file.count) bytes") }
    let pageBytes = Int(file.number(at: Layout.header + Layout.metaFreeList, as: UInt32.self))
    guard (512...32_768).contains(pageBytes), pageBytes.nonzeroBitCount == 1 else {
      throw Damage("meta page 0 says that a page has \(pageBytes) bytes")
    }
    guard file.count >= 2 * pageBytes else { throw Damage("the file ends inside the meta pages") }
    let first = try MetaPage(file, page: 0, pageBytes: pageBytes)
    let second = try MetaPage(file, page: 1, pageBytes: pageBytes)
    // Commit n writes meta page n mod 2; a new file starts with two of number 0.
    let isNew = first.transactionID == 0 && second.transactionID == 0
    let distance = Int64(bitPattern: first.transactionID &- second.transactionID)
    guard isNew || abs(distance) == 1 && first.transactionID % 2 == 0 else {
      throw Damage(
        "the meta pages are of transactions \(first.transactionID) and \(second.transactionID)")
    }
    return distance < 0 ? (second, first) : (first, second)
  }

  private init(_ file: UnsafeRawBufferPointer, page: Int, pageBytes: Int) throws(Damage) {
    let start = page * pageBytes
    let meta = start + Layout.header
    guard file.number(at: start, as: UInt64.self) == page,
      file.number(at: start + Layout.pageFlags, as: UInt16.self) == Layout.metaFlag,
      file.number(at: meta, as: UInt32.self) == Layout.magic,
      file.number(at: meta + 4, as: UInt32.self) == Layout.version
    else { throw Damage("page \(page) is not a meta page of LMDB 0.9") }
    freeList = TreeRecord(file, at: meta + Layout.metaFreeList)
    main = TreeRecord(file, at: meta + Layout.metaFreeList + TreeRecord.byteCount)
    guard freeList.pad == pageBytes, freeList.flags == UInt16(MDB_INTEGERKEY) else {
      throw Damage("meta page \(page) has another page size or unknown flags")
    }
    let last = file.number(at: meta + Layout.metaLastPage, as: UInt64.self)
    // Pages taken and given back in one transaction are never written, so the file may be shorter.
    guard last >= 1, last < UInt64(file.count / pageBytes + Layout.pagesBeyondEndMax) else {
      throw Damage("meta page \(page) says that page \(last) is the last")
    }
    lastPage = Int(last)
    transactionID = file.number(at: meta + Layout.metaLastPage + 8, as: UInt64.self)
    self.pageBytes = pageBytes
  }
}

/// One tree's record (`MDB_db`).
struct TreeRecord {
  static let byteCount = 48

  let pad: UInt32
  let flags: UInt16
  let depth: UInt16
  let branchPages: UInt64
  let leafPages: UInt64
  let overflowPages: UInt64
  let entries: UInt64
  let root: UInt64

  /// Reads the 48 bytes at `offset`, which lie in the file.
  init(_ file: UnsafeRawBufferPointer, at offset: Int) {
    pad = file.number(at: offset, as: UInt32.self)
    flags = file.number(at: offset + 4, as: UInt16.self)
    depth = file.number(at: offset + 6, as: UInt16.self)
    branchPages = file.number(at: offset + 8, as: UInt64.self)
    leafPages = file.number(at: offset + 16, as: UInt64.self)
    overflowPages = file.number(at: offset + 24, as: UInt64.self)
    entries = file.number(at: offset + 32, as: UInt64.self)
    root = file.number(at: offset + 40, as: UInt64.self)
  }

  /// Whether the tree has no page (`P_INVALID`).
  var isEmpty: Bool { root == .max }
}

/// Offsets, sizes and marks of `mdb.c`.
enum Layout {
  /// Bytes of a page's head; a meta page's content follows it.
  static let header = 16
  static let pageFlags = 10
  static let pageLower = 12
  static let pageUpper = 14
  static let pageRun = 12
  static let branchFlag: UInt16 = 0x01
  static let leafFlag: UInt16 = 0x02
  static let overflowFlag: UInt16 = 0x04
  static let metaFlag: UInt16 = 0x08

  static let magic: UInt32 = 0xBEEF_C0DE
  static let version: UInt32 = 1
  static let metaFreeList = 24
  static let metaLastPage = 24 + 2 * TreeRecord.byteCount

  /// Bytes of a node's head, in front of its key.
  static let nodeHead = 8
  static let nodeBig: UInt16 = 0x01
  static let nodeTree: UInt16 = 0x02

  /// The deepest tree that LMDB's cursors can walk (`CURSOR_STACK`).
  static let depthMax: UInt16 = 32
  /// More pages than one transaction of this project takes and gives back at the end of the file.
  static let pagesBeyondEndMax = 65_536
}

extension UnsafeRawBufferPointer {
  /// The little-endian integer at `offset`, which lies inside.
  func number<Value: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Value.Type
  ) -> Value {
    precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= count)
    return Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}
