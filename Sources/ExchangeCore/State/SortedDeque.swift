internal import DequeModule

/// A set in ascending order, made for elements that mostly arrive at the end and leave at the front:
/// both are O(1), anything else O(log n) to find and O(n) to shift.
struct SortedDeque<Element: Comparable & Sendable>: Sendable {
  private var elements: Deque<Element> = []

  var count: Int { elements.count }
  var isEmpty: Bool { elements.isEmpty }
  var first: Element? { elements.first }
  var last: Element? { elements.last }

  /// All elements in ascending order.
  var sorted: [Element] { Array(elements) }

  func contains(_ element: Element) -> Bool {
    let place = lowerBound(element)
    return place < elements.count && elements[place] == element
  }

  mutating func insert(_ element: Element) {
    guard let last = elements.last, last >= element else {
      elements.append(element)
      return
    }
    let place = lowerBound(element)
    guard elements[place] != element else { return }
    elements.insert(element, at: place)
  }

  mutating func remove(_ element: Element) {
    if elements.first == element {
      elements.removeFirst()
      return
    }
    let place = lowerBound(element)
    guard place < elements.count, elements[place] == element else { return }
    elements.remove(at: place)
  }

  /// At most `limit` elements greater than `element`, or from the start.
  func prefix(after element: Element?, limit: Int) -> [Element] {
    var place = 0
    if let element {
      place = lowerBound(element)
      if place < elements.count, elements[place] == element { place += 1 }
    }
    let end = min(elements.count, place + max(0, min(limit, elements.count)))
    return Array(elements[place..<end])
  }

  /// At most `limit` elements greater than `element` that are wanted.
  func prefix(
    after element: Element, limit: Int, where isWanted: (Element) -> Bool
  ) -> [Element] {
    var found: [Element] = []
    for candidate in elements[lowerBound(element)...] where candidate != element {
      guard found.count < limit else { break }
      if isWanted(candidate) { found.append(candidate) }
    }
    return found
  }

  /// From the greatest on.
  var descending: some Sequence<Element> { elements.reversed() }

  /// How many elements are less than `element`.
  func lowerBound(_ element: Element) -> Int {
    var low = 0
    var high = elements.count
    while low < high {
      let middle = (low + high) / 2
      if elements[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
