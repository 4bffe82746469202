/// A host and a port as one text; brackets keep the colons of an IPv6 address apart from the port's (RFC 3986, section 3.2.2).
public func hostAndPort(_ host: String, _ port: Int) -> String {
  host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
}
