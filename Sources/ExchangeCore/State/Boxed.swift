/// A value behind one reference, copied when it is changed while somebody else has it too.
///
/// Whoever looks at the exchange from another room takes it by value for as long as the look lasts
/// (the compiler can't prove that nothing changes meanwhile): that costs a reference for each table
/// and index in here, and not several for each of their parts.
@propertyWrapper
struct Boxed<Value: Sendable>: Sendable {
  /// Unchecked: it is changed by its only owner alone.
  private final class Box: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
  }

  private var box: Box

  init(wrappedValue: Value) { box = Box(wrappedValue) }

  var wrappedValue: Value {
    _read { yield box.value }
    _modify {
      if !isKnownUniquelyReferenced(&box) { box = Box(box.value) }
      yield &box.value
    }
  }
}
