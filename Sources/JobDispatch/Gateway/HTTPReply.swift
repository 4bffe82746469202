/// What a gateway's machine wants sent on the connection of its request: one write.
public struct HTTPReply: Hashable, Sendable {
  /// How the answer begins.
  public struct Head: Hashable, Sendable {
    /// The status code (RFC 9110, section 15).
    public var status: Int
    /// Header fields, names in lower case; those of the framing are the connection's.
    public var fields: [Field]

    /// Sets both.
    public init(status: Int, fields: [Field]) {
      self.status = status
      self.fields = fields
    }
  }

  /// A header field.
  public struct Field: Hashable, Sendable {
    /// The name, in lower case.
    public let name: String
    /// The value: visible ASCII.
    public let value: String

    /// Joins both.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Whether more follows.
  public enum End: Hashable, Sendable {
    /// More follows.
    case open
    /// The answer is complete.
    case complete
    /// The answer broke: the connection is closed without its proper end, so that no client takes what came for
    /// the whole.
    case broken
  }

  /// The head, with the first part of an answer.
  public var head: Head?
  /// The next bytes of the body; may be empty.
  public var body: [UInt8]
  /// Whether more follows.
  public var end: End

  /// Joins the parts.
  public init(head: Head? = nil, body: [UInt8] = [], end: End = .open) {
    self.head = head
    self.body = body
    self.end = end
  }

  /// Nothing to send.
  public static let nothing = HTTPReply()

  /// Whether there is nothing to send.
  public var isEmpty: Bool { head == nil && body.isEmpty && end == .open }

  /// A whole answer in JSON.
  public static func json(
    _ body: [UInt8], status: Int = 200, fields: [Field] = []
  ) -> HTTPReply {
    HTTPReply(
      head: Head(status: status, fields: [Field("content-type", "application/json")] + fields),
      body: body, end: .complete)
  }
}
