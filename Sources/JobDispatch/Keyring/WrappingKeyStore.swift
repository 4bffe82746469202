public import ExchangeTypes

/// The port to a coordinator's keyring: wrapping keys, durable, beside and never inside the log and the store.
///
/// Completions are called on the loop of the caller, with whether the keyring's file is as asked.
public protocol WrappingKeyStore: AnyObject {
  /// The numbers of the keys that are durable here.
  var held: [UInt64] { get }
  /// A key that is durable here.
  func secret(of key: UInt64) -> Secret?
  /// Draws a key under a number that was never given to another.
  func draw(_ key: UInt64, completion: @escaping (Bool) -> Void)
  /// Keeps a key that another coordinator handed over; not if another one is held under its number.
  func keep(_ key: UInt64, _ secret: Secret, completion: @escaping (Bool) -> Void)
  /// Forgets keys: the file is replaced by one without them.
  func destroy(_ keys: [UInt64], completion: @escaping (Bool) -> Void)
}
