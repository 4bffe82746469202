import LMDB

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: RawSpan) -> String {
  bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

extension Environment {
  /// Commits rows without values under `keys`.
  @discardableResult
  func fill(_ name: String, _ keys: [String]) throws -> Database {
    try write { transaction in
      let database = try transaction.database(named: name)
      for key in keys {
        let key = bytes(key)
        try transaction.put(key: key.span.bytes, byteCount: 0, in: database) { _ in }
      }
      try transaction.commit()
      return database
    }
  }

  /// All rows of a database, as `key=value`.
  func rows(of name: String) throws -> [String] {
    let database = try fill(name, [])
    return try read { transaction in
      var rows: [String] = []
      try transaction.forEach(in: database) { key, value in
        rows.append("\(text(key))=\(text(value))")
        return true
      }
      return rows
    }
  }
}
