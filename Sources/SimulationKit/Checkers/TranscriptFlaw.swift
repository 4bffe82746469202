/// What is wrong with what a reader was given (P2).
struct TranscriptFlaw: Error {
  let what: String
  init(_ what: String) { self.what = what }
}
