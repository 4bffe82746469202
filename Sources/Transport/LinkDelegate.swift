public import HTTP2Session

/// Told what happens to a link, on its loop.
public protocol LinkDelegate: AnyObject {
  /// The peer opened a stream. Return who is told about it, or `nil` to refuse it unseen.
  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  /// The peer takes no new streams: open them on another link.
  func draining(_ link: Link)
  /// The link is over, and so were all its streams just before: the last call.
  func closed(_ link: Link, _ end: LinkEnd)
}
