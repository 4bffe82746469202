import ExchangeTypes
import Foundation
import HTTP2Session
import Identity
import NIOCore
import NIOPosix
import TemporaryDirectory
import Transport

/// A certificate for clients in files of its own, and whom they must trust.
struct TestCertificate {
  let certificate: ServerCertificate
  let anchor: TrustAnchor
  /// Where its parts are.
  let (chain, key): (String, String)
  private let directory: TemporaryDirectory

  init() throws {
    let authority = try CertificateAuthority(cluster: ClusterID(7), now: Date())
    let identity = try NodeIdentity(
      authority: authority, role: .gateway, name: "g", now: Date(), lifetimeSeconds: 3_600)
    directory = try TemporaryDirectory()
    (chain, key) = (directory.file("chain.pem"), directory.file("key.pem"))
    try identity.certificatePEM.write(toFile: chain, atomically: false, encoding: .utf8)
    try identity.key.pem.write(toFile: key, atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: key)
    certificate = try ServerCertificate(certificateFile: chain, keyFile: key)
    anchor = identity.anchor
  }
}

/// A client that speaks HTTP/2 under TLS, as many requests at once as it is asked for.
final class SecureClient: Sendable {
  /// What became of a request.
  struct Answer: Sendable {
    var status = 0
    var fields: [HeaderField] = []
    var body = ""
    var end = StreamEnd.complete
  }

  private let loop: LinkLoop
  private let link: NIOLoopBound<Link>

  /// Connects to `host:port`, and believes whom the anchor vouches for.
  init(_ address: String, trusting anchor: TrustAnchor) async throws {
    let loop = LinkLoop(MultiThreadedEventLoopGroup.singleton.next())
    self.loop = loop
    let port = Int(address.split(separator: ":")[1]) ?? 0
    link = try await withCheckedThrowingContinuation { continuation in
      Dialer(security: .anonymousTLS(anchor, allowing: [.gateway])).dial(
        host: "127.0.0.1", port: port, on: loop,
        failed: { continuation.resume(throwing: $0) },
        makeDelegate: { link in
          continuation.resume(returning: loop.bind(link))
          return Silent()
        })
    }
  }

  /// Sends a request with a key, and its body unless it is not to end, and waits for the answer's end.
  func post(
    _ path: String, _ body: String, ends: Bool = true, headers: [HeaderField] = []
  ) async -> Answer {
    await withCheckedContinuation { continuation in
      loop.execute { [link] in
        let asked = Asked { continuation.resume(returning: $0) }
        do {
          let stream = try link.value.open(
            path: path, headers: [HeaderField("authorization", "Bearer sy_1_x")] + headers,
            handler: asked)
          stream.send(Array(body.utf8), end: ends)
        } catch {
          continuation.resume(returning: Answer(body: "\(error)"))
        }
      }
    }
  }

  /// Sends requests in this order, and waits for their answers, in the order in which they ended.
  ///
  /// - Parameters:
  ///   - asked: paths and bodies, and whether the body ends.
  ///   - afterFirst: called when the first has been answered.
  /// - Returns: the answers.
  func post(
    _ asked: [(path: String, body: String, ends: Bool)],
    afterFirst: @escaping @Sendable () -> Void
  ) async -> [Answer] {
    let (answers, answered) = AsyncStream.makeStream(of: Answer.self)
    loop.execute { [link] in
      for (path, body, ends) in asked {
        let stream = try? link.value.open(
          path: path, headers: [HeaderField("authorization", "Bearer sy_1_x")],
          handler: Asked { answered.yield($0) })
        stream?.send(Array(body.utf8), end: ends)
      }
    }
    var all: [Answer] = []
    for await answer in answers {
      all.append(answer)
      if all.count == 1 { afterFirst() }
      if all.count == asked.count { break }
    }
    return all
  }

  /// Sends a request, and waits for the first of an answer of which it takes nothing.
  ///
  /// - Returns: gives the request up.
  func hold(_ path: String, _ body: String) async throws -> @Sendable () -> Void {
    let stream = try await withCheckedThrowingContinuation { continuation in
      loop.execute { [loop, link] in
        do {
          let stream = try link.value.open(
            path: path, headers: [HeaderField("authorization", "Bearer sy_1_x")],
            handler: Held { continuation.resume(returning: loop.bind($0)) })
          stream.send(Array(body.utf8), end: true)
        } catch {
          continuation.resume(throwing: error)
        }
      }
    }
    return { [loop] in loop.execute { stream.value.reset() } }
  }

  func close() { loop.execute { [link] in link.value.close() } }

  private final class Silent: LinkDelegate {
    func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
      -> (any StreamHandler)?
    { nil }
    func draining(_ link: Link) {}
    func closed(_ link: Link, _ end: LinkEnd) {}
  }

  private final class Held: StreamHandler {
    private var began: ((LinkStream) -> Void)?
    init(_ began: @escaping (LinkStream) -> Void) { self.began = began }

    func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {}
    func received(_ bytes: [UInt8], on stream: LinkStream) {
      began?(stream)
      began = nil
    }
    func ended(_ stream: LinkStream) {}
    func writable(_ stream: LinkStream) {}
    func closed(_ stream: LinkStream, _ end: StreamEnd) {}
  }

  private final class Asked: StreamHandler {
    private var answer = Answer()
    private var bytes: [UInt8] = []
    private let done: (Answer) -> Void
    init(_ done: @escaping (Answer) -> Void) { self.done = done }

    func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {
      answer.status = status
      answer.fields = headers
    }
    func received(_ bytes: [UInt8], on stream: LinkStream) {
      self.bytes += bytes
      stream.consume(bytes.count)
    }
    func ended(_ stream: LinkStream) {}
    func writable(_ stream: LinkStream) {}
    func closed(_ stream: LinkStream, _ end: StreamEnd) {
      answer.body = String(decoding: bytes, as: UTF8.self)
      answer.end = end
      done(answer)
    }
  }
}
