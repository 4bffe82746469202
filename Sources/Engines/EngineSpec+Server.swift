internal import NIOCore

extension EngineSpec {
  /// The parts of a server's address.
  struct Server: Sendable {
    let isTLS: Bool
    /// Host and port as they were written: the `host` of a request.
    let authority: String
    /// A name, or an address in numbers without brackets.
    let host: String
    let port: Int
    /// Before every route; empty, or begins with a slash.
    let path: String

    /// Where that is, if the host is an address in numbers: then no name is looked up.
    let address: SocketAddress?

    /// What the certificate must name; nil for an address in numbers, which it must have instead.
    var tlsName: String? { address == nil ? host : nil }

    /// Takes a base URL apart, as `EngineSpec.parse` lets it through.
    init(_ baseURL: String) throws(Invalid) {
      let schemes = [("http://", false, 80), ("https://", true, 443)]
      guard let (scheme, isTLS, usual) = schemes.first(where: { baseURL.hasPrefix($0.0) }) else {
        throw Invalid(text: baseURL, reason: "write it as http://host:port")
      }
      let rest = baseURL.dropFirst(scheme.count)
      let slash = rest.firstIndex(of: "/") ?? rest.endIndex
      let (host, port) = try parts(of: rest[..<slash]) { Invalid(text: baseURL, reason: $0) }
      self.isTLS = isTLS
      authority = String(rest[..<slash])
      self.host = String(host)
      self.port = port ?? usual
      path = String(rest[slash...])
      address = try? SocketAddress(ipAddress: self.host, port: self.port)
    }
  }
}
