internal import CMalloc

/// What the C library does with memory that this process gives back (decision 42).
enum FreedMemory {
  /// So many bytes at the end of a heap are not given back to the system.
  private static let keptBytes: Int32 = 4 << 20
  /// A heap grows by so many bytes more than it needs.
  private static let growthBytes: Int32 = 1 << 20
  /// From so many bytes on a piece of memory is mapped for itself: batches and tables that grow are smaller.
  private static let mappedBytes: Int32 = 4 << 20

  /// Keeps some of it at hand for what is asked for next.
  ///
  /// Call before any other thread begins. A library that does not know a setting goes on without it.
  static func keep() {
    _ = mallopt(M_TRIM_THRESHOLD, keptBytes)
    _ = mallopt(M_TOP_PAD, growthBytes)
    _ = mallopt(M_MMAP_THRESHOLD, mappedBytes)
  }
}
