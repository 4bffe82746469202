internal import Foundation

/// Free ports of this machine.
enum Ports {
  /// The first `count` ports from `first` on that nobody listens on.
  static func free(_ count: Int, from first: UInt16) throws -> [UInt16] {
    var found: [UInt16] = []
    var port = first
    while found.count < count {
      if isFree(port) { found.append(port) }
      guard port < .max else {
        throw CommandError(.refused, "fewer than \(count) ports from \(first) on are free")
      }
      port += 1
    }
    return found
  }

  /// Whether somebody listens at an endpoint of this machine; of others it is taken for granted.
  static func listens(_ endpoint: String) -> Bool {
    guard let place = HostPort(argument: endpoint), place.host == "127.0.0.1",
      let port = UInt16(exactly: place.port)
    else { return true }
    return !isFree(port)
  }

  private static func isFree(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
