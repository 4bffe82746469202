/// A value behind one reference, copied when it is changed while somebody else has it too.
///
/// Whoever takes it by value takes one reference, and not several for each of its parts.
@propertyWrapper
struct Boxed<Value: Sendable>: Sendable {
  /// Unchecked: it is changed by its only owner alone.
  private final class Box: @unchecked Sendable {
    /// Unchecked: whoever changes a `Boxed` has exclusive access to it, which the compiler proves, and nobody else
    /// has the box.
    @exclusivity(unchecked) var value: Value
    init(_ value: Value) { unsafe self.value = value }
  }

  private var box: Box

  init(wrappedValue: Value) { box = Box(wrappedValue) }

  var wrappedValue: Value {
    _read { yield unsafe box.value }
    _modify {
      if !isKnownUniquelyReferenced(&box) { takeCopy() }
      yield unsafe &box.value
    }
  }

  /// Apart, since room for the copy would be taken from the heap with each change, which hardly ever needs one.
  @inline(never)
  private mutating func takeCopy() { box = unsafe Box(box.value) }
}
