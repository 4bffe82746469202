internal import Engines

/// Probes an engine again and again, and has it examined when it may be another one: at first, after a failed probe, and when it lists
/// other models.
///
/// ```
/// unknown ──probed, examined──► known ──probe failed, other models──► unknown
///    └─ examined in vain: taken as probed, and examined at the next probe
/// ```
struct EngineExamination {
  private let engine: any Engine
  /// What a probe said, and what the examination made of it.
  private var known: (probed: EngineStatus, examined: EngineStatus)?

  /// Nothing is known yet.
  init(_ engine: any Engine) { self.engine = engine }

  /// Asks the engine what it is, and what its models are for if that is not known.
  mutating func probe() async throws(EngineError) -> EngineStatus {
    let probed: EngineStatus
    do throws(EngineError) { probed = try await engine.probe() } catch {
      known = nil
      throw error
    }
    if let known, known.probed == probed { return known.examined }
    known = nil
    do throws(EngineError) {
      let examined = try await engine.examine(probed)
      known = (probed, examined)
      return examined
    } catch {
      return probed
    }
  }
}
