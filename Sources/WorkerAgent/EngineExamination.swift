internal import Engines

/// Probes an engine again and again, and has it examined when it may be another one: at first, after a failed probe, and when it lists
/// other models.
///
/// ```
/// unknown ──probed, examined──► known ──probe failed, other models──► unknown
///    └─ examined in vain: taken for what it was, or as probed, and examined at the next probe, three times at most
/// ```
struct EngineExamination {
  /// An engine that has no time for it is not asked for ever.
  private static let triesMax = 3

  private let engine: any Engine
  /// What a probe said, and what the examination made of it.
  private var known: (probed: EngineStatus, examined: EngineStatus)?
  /// The same of the engine that was known last: while another examination is in vain, it is taken for what it was.
  private var last: (probed: EngineStatus, examined: EngineStatus)?
  /// Examinations in vain since it was unknown.
  private var tries = 0

  /// Nothing is known yet.
  init(_ engine: any Engine) { self.engine = engine }

  /// Asks the engine what it is, and what it can do if that is not known.
  mutating func probe() async throws(EngineError) -> EngineStatus {
    let probed: EngineStatus
    do throws(EngineError) { probed = try await engine.probe() } catch {
      forget()
      throw error
    }
    if let known {
      if known.probed == probed { return known.examined }
      forget()
    }
    do throws(EngineError) {
      let examined = try await engine.examine(probed)
      known = (probed, examined)
      last = known
      return examined
    } catch {
      tries += 1
      let taken = last.flatMap { $0.probed == probed ? $0.examined : nil } ?? probed
      if tries == Self.triesMax { known = (probed, taken) }
      return taken
    }
  }

  private mutating func forget() {
    known = nil
    tries = 0
  }
}
