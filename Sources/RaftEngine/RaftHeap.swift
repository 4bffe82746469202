internal import CRaft
internal import Glibc
internal import Synchronization

/// The allocator under libraft: counts what every engine of the process holds.
///
/// All memory that crosses the C interface comes from here, so a difference between two moments
/// without an engine in between is a leak.
public enum RaftHeap {
  /// Bytes allocated and not freed.
  public static var outstandingBytes: Int { Counters.bytes.load(ordering: .relaxed) }
  /// Blocks allocated and not freed.
  public static var outstandingBlocks: Int { Counters.blocks.load(ordering: .relaxed) }

  private enum Counters {
    static let bytes = Atomic<Int>(0)
    static let blocks = Atomic<Int>(0)
  }

  /// Each block is preceded by its size, in a header that keeps malloc's alignment.
  private static let headerSize = 16

  private static func enter(_ block: UnsafeMutableRawPointer?, _ size: Int)
    -> UnsafeMutableRawPointer?
  {
    guard let block else { return nil }
    block.storeBytes(of: size, as: Int.self)
    Counters.bytes.add(size, ordering: .relaxed)
    Counters.blocks.add(1, ordering: .relaxed)
    return block + headerSize
  }

  private static func leave(_ block: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    let start = block - headerSize
    Counters.bytes.subtract(start.load(as: Int.self), ordering: .relaxed)
    Counters.blocks.subtract(1, ordering: .relaxed)
    return start
  }

  /// Makes libraft allocate here; done once, before the first engine exists.
  static let installed: Void = {
    let heap = UnsafeMutablePointer<raft_heap>.allocate(capacity: 1)  // libraft keeps it for ever
    heap.initialize(
      to: raft_heap(
        data: nil,
        malloc: { _, size in enter(malloc(headerSize + size), size) },
        free: { _, block in if let block { free(leave(block)) } },
        calloc: { _, count, size in enter(calloc(1, headerSize + count * size), count * size) },
        realloc: { _, block, size in
          enter(realloc(block.map { leave($0) }, headerSize + size), size)
        },
        // Only libraft's own I/O aligns, which is not linked.
        aligned_alloc: { _, _, _ in fatalError("libraft's core does not align") },
        aligned_free: { _, _, _ in fatalError("libraft's core does not align") }))
    raft_heap_set(heap)
  }()

  /// A block of at least one byte; libraft treats a null pointer as "no batch".
  static func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    guard let block = raft_malloc(max(1, size)) else { fatalError("out of memory") }
    return block
  }
}
