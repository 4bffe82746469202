internal import CModelBytes
internal import Glibc

/// The bytes of a model: a file mapped into memory, the model inside the program, or bytes in memory.
///
/// The bytes never change and live as long as this does. A mapped file must not be cut short by others
/// while it is used: the system ends a process that reads beyond a file's end.
public final class ModelBytes: Sendable {
  private enum Owner {
    case program
    case mapping
    case allocation
  }

  /// The bytes; valid while this lives.
  nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
  private let owner: Owner

  private init(_ bytes: UnsafeRawBufferPointer, _ owner: Owner) {
    self.bytes = bytes
    self.owner = owner
  }

  deinit {
    switch owner {
    case .program: break
    case .mapping: munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    case .allocation: bytes.deallocate()
    }
  }

  /// The address of a byte.
  ///
  /// - Precondition: there is such a byte.
  func address(_ offset: Int) -> UnsafeRawPointer {
    guard bytes.indices.contains(offset), let start = bytes.baseAddress else {
      preconditionFailure("byte \(offset) of \(bytes.count)")
    }
    return start + offset
  }

  /// The model inside the program.
  public static let embedded = ModelBytes(
    UnsafeRawBufferPointer(start: cm_model(), count: cm_model_bytes()), .program)

  /// Maps a file, read-only.
  public static func map(_ path: String) throws(GGUFError) -> ModelBytes {
    func failure() -> GGUFError {
      .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure() }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: path, reason: "not a regular file")
    }
    guard status.st_size > 0 else { throw .unreadable(path: path, reason: "the file is empty") }
    let count = Int(status.st_size)
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED
    else { throw failure() }
    return ModelBytes(UnsafeRawBufferPointer(start: start, count: count), .mapping)
  }

  /// Copies bytes, aligned as a mapping is.
  public init(copying bytes: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    copy.copyBytes(from: bytes)
    self.bytes = UnsafeRawBufferPointer(copy)
    owner = .allocation
  }
}
