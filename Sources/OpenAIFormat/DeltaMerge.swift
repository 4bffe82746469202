extension JSONValue {
  /// Adds what a stream's next delta says, as OpenAI's own clients add deltas up.
  ///
  /// Strings are joined, numbers and booleans replaced, objects added member by member; the elements of two
  /// arrays whose objects have an `index` are added by it, others are appended. What names a thing
  /// (`id`, `type`, `role`, `index`) is not joined: engines may repeat it.
  ///
  /// - Parameters:
  ///   - next: the delta.
  ///   - looks: how many more members may be looked at to find where its parts belong; what is looked at is taken
  ///     from it.
  /// - Returns: whether it fits: an object has at most `partsMax` members, an array so many elements with an index,
  ///   and the looks suffice. Beyond that a stream of small deltas would take quadratic time.
  mutating func accumulate(_ next: JSONValue, looks: inout Int) -> Bool {
    switch next {
    case .null: return true
    case .object(let added):
      guard case .object(var members) = self else {
        self = next
        return added.count <= Self.partsMax
      }
      self = .null  // lets go of its members, so that adding to them copies nothing
      for member in added {
        looks -= members.count
        guard looks >= 0 else { return false }
        if let place = members.firstIndex(where: { $0.key == member.key }) {
          guard !Self.names.contains(member.key) else { continue }
          guard members[place].value.accumulate(member.value, looks: &looks) else { return false }
        } else {
          guard members.count < Self.partsMax else { return false }
          members.append(member)
        }
      }
      self = .object(members)
    case .array(let added):
      guard case .array(var elements) = self else {
        self = next
        return true
      }
      self = .null
      for element in added {
        guard let index = element["index"]?.integer else {
          elements.append(element)
          continue
        }
        guard elements.count < Self.partsMax else { return false }
        let place = Self.place(of: index, in: elements, looks: &looks)
        guard looks >= 0 else { return false }
        if let place {
          guard elements[place].accumulate(element, looks: &looks) else { return false }
        } else {
          elements.append(element)
        }
      }
      self = .array(elements)
    case .string(let added):
      guard case .string(var text) = self else {
        self = next
        return true
      }
      self = .null
      text += added
      self = .string(text)
    case .number, .boolean:
      self = next
    }
    return true
  }

  /// Where the element with this index is: mostly at that very place, or the last; nil if there is none, or the
  /// looks are used up.
  private static func place(
    of index: Int, in elements: [JSONValue], looks: inout Int
  ) -> Int? {
    func has(_ place: Int) -> Bool {
      looks -= elements[place].members?.count ?? 1
      return elements[place]["index"]?.integer == index
    }
    for likely in [index, elements.count - 1] where elements.indices.contains(likely) {
      if has(likely) { return likely }
    }
    for place in elements.indices where looks >= 0 {
      if has(place) { return place }
    }
    return nil
  }

  /// Members of an object, and elements of an array with indices: OpenAI has at most 128 tool calls.
  private static let partsMax = 256

  /// Members that name a thing, and are the same each time.
  private static let names: Set<String> = ["id", "type", "role", "index"]

  /// Writes the value: numbers as they were read.
  func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .boolean(let value): writer.boolean(value)
    case .number(let text): writer.verbatim(text.utf8)
    case .string(let text): writer.string(text)
    case .array(let elements):
      writer.beginArray()
      for element in elements { element.write(to: &writer) }
      writer.endArray()
    case .object(let members):
      writer.beginObject()
      for member in members {
        writer.key(member.key)
        member.value.write(to: &writer)
      }
      writer.endObject()
    }
  }

  /// The array without the `index` of its elements: a whole answer's tool calls have none.
  var withoutIndices: JSONValue {
    guard case .array(let elements) = self else { return self }
    return .array(
      elements.map { element in
        guard case .object(let members) = element else { return element }
        return .object(members.filter { $0.key != "index" })
      })
  }
}
