/// Whatever takes longer than a second says what it waits for, on standard error.
enum Patience {
  /// Whether what runs is waited for by name already.
  @TaskLocal private static var isNamed = false

  /// Runs `body`; says `what` once a second has passed without its end.
  ///
  /// Within another one it says nothing: the outer knows better what for.
  static func saying<Value: Sendable, Failure: Error>(
    _ what: @autoclosure @escaping @Sendable () -> String,
    _ body: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    guard !isNamed else { return try await body() }
    let notice = Task {
      try await Task.sleep(for: .seconds(1))
      Terminal.note("yard: \(what())…")
    }
    defer { notice.cancel() }
    let result: Result<Value, Failure> = await $isNamed.withValue(true) {
      do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
    return try result.get()
  }
}

/// Says for what a followed job waits: at once if it changes, after a second at first.
actor WaitingNotice {
  private var text: String
  private var timer: Task<Void, any Error>?
  private var isOpen = true
  private var hasSpoken = false

  init(_ text: String) { self.text = text }

  /// Starts the second.
  func begin() {
    timer = Task {
      try await Task.sleep(for: .seconds(1))
      self.speak()
    }
  }

  /// It now waits for something else.
  func now(_ text: String) {
    guard isOpen, text != self.text else { return }
    self.text = text
    if hasSpoken { Terminal.note("yard: \(text)…") }
  }

  /// What was waited for has come; a later wait begins anew.
  func arrived() {
    guard isOpen else { return }
    isOpen = false
    timer?.cancel()
  }

  /// It waits again.
  func again(_ text: String) {
    arrived()
    isOpen = true
    hasSpoken = false
    self.text = text
    begin()
  }

  private func speak() {
    guard isOpen else { return }
    hasSpoken = true
    Terminal.note("yard: \(text)…")
  }
}
