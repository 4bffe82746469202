extension Dictionary {
  /// Changes the value of a key where it lies; nothing happens where the key has none.
  ///
  /// What a subscript lends out for a change has frames on the heap, three for each use: on a path that every job takes that
  /// is more than the change itself.
  @inlinable
  public mutating func change(_ key: Key, _ body: (inout Value) -> Void) {
    guard let place = index(forKey: key) else { return }
    body(&values[place])
  }

  /// Changes the value of a key where it lies; a key without one is given `new` first.
  @inlinable
  public mutating func change(
    _ key: Key, or new: @autoclosure () -> Value, _ body: (inout Value) -> Void
  ) {
    if let place = index(forKey: key) { return body(&values[place]) }
    var value = new()
    body(&value)
    updateValue(value, forKey: key)
  }
}
