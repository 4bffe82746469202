internal import Crypto
public import ExchangeTypes
internal import SwiftASN1
internal import X509

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// Bytes that a node has signed, with the certificate by which anyone who has the cluster's root can check them.
///
/// What is signed: `switchyard statement 1` ‖ SHA-256 of the certificate ‖ the moment in seconds since 1970 `u64` ‖ the
/// statement. So the certificate cannot be exchanged either. The text form is `sys_` and the canonical bytes in base64url without padding, on one
/// line; it is the only text that reads as this value.
public struct SignedStatement: Hashable, Sendable {
  /// Why text is not a statement that a node of the cluster signed.
  public enum Fault: Error, Hashable, Sendable {
    /// It is not the one text form of a signed statement.
    case malformed
    /// The certificate is not good.
    case certificate(PeerRefusal)
    /// The signature is not that of the certificate's key.
    case signature
  }

  /// The most bytes of each part.
  private static let partBytesMax = 16 * 1024
  private static let prefix = "sys_"
  private static let context = Array("switchyard statement 1".utf8)

  /// What was said.
  public let statement: [UInt8]
  /// When it was signed, by the signer's clock, in seconds since 1970.
  public let signedAt: UInt64
  /// The signer's certificate, in DER form.
  public let certificate: [UInt8]
  /// ECDSA over P-256 and SHA-256: r and s, 32 bytes each.
  public let signature: [UInt8]

  /// Joins the parts.
  public init(statement: [UInt8], signedAt: UInt64, certificate: [UInt8], signature: [UInt8]) {
    self.statement = statement
    self.signedAt = signedAt
    self.certificate = certificate
    self.signature = signature
  }

  /// Signs with a node's key.
  ///
  /// - Parameters:
  ///   - statement: what is said.
  ///   - identity: who says it.
  ///   - now: the time.
  /// - Throws: if the certificate or the key cannot be used.
  public init(signing statement: [UInt8], by identity: NodeIdentity, now: Date) throws {
    let certificate = try Certificate(pemEncoded: identity.certificatePEM)
    self.statement = statement
    signedAt = UInt64(max(0, now.timeIntervalSince1970))
    self.certificate = try certificate.serializeAsPEM().derBytes
    let signed = Self.signed(statement, signedAt, self.certificate)
    signature = LowSignature.of(
      [UInt8](try identity.key.key.signature(for: signed).rawRepresentation))
  }

  /// Checks it against the cluster's authority: no cluster is asked.
  ///
  /// - Parameters:
  ///   - anchor: the cluster's root.
  ///   - roles: whose word counts.
  /// - Returns: who signed it, by a certificate that was good at that moment.
  /// - Throws: `Fault`.
  public func verify(
    _ anchor: TrustAnchor, allowed roles: Set<NodeRole>
  ) throws(Fault) -> PeerIdentity {
    let moment = Date(timeIntervalSince1970: Double(signedAt))
    let peer: PeerCertificate
    do throws(PeerRefusal) {
      peer = try anchor.verify(der: certificate, now: moment, allowed: roles)
    } catch { throw .certificate(error) }
    guard let key = try? P256.Signing.PublicKey(derRepresentation: peer.publicKeyDER),
      LowSignature.isLow(signature),
      let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature),
      key.isValidSignature(signature, for: Self.signed(statement, signedAt, certificate))
    else { throw .signature }
    return peer.identity
  }

  private static func signed(
    _ statement: [UInt8], _ signedAt: UInt64, _ certificate: [UInt8]
  ) -> [UInt8] {
    var writer = CanonicalWriter(capacity: statement.count + 64)
    writer.writeRaw(context)
    writer.writeRaw(Array(SHA256.hash(data: certificate)))
    writer.write(signedAt)
    writer.writeRaw(statement)
    return writer.bytes
  }

  // MARK: Text

  /// The text form, without a line's end.
  public var text: String {
    var writer = CanonicalWriter(capacity: 2_048)
    writer.write(statement)
    writer.write(signedAt)
    writer.write(certificate)
    writer.write(signature)
    let base64 = Data(writer.bytes).base64EncodedString()
    let url = base64.utf8.compactMap { byte -> UInt8? in
      switch byte {
      case UInt8(ascii: "+"): UInt8(ascii: "-")
      case UInt8(ascii: "/"): UInt8(ascii: "_")
      case UInt8(ascii: "="): nil
      default: byte
      }
    }
    return Self.prefix + String(decoding: url, as: UTF8.self)
  }

  /// Reads the text form, with or without one line's end, and nothing else.
  ///
  /// - Throws: `Fault.malformed`.
  public init(text: String) throws(Fault) {
    let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
    guard line.hasPrefix(Self.prefix), line.utf8.count <= 4 * Self.partBytesMax else {
      throw .malformed
    }
    var base64 = line.utf8.dropFirst(Self.prefix.utf8.count).map { byte in
      switch byte {
      case UInt8(ascii: "-"): UInt8(ascii: "+")
      case UInt8(ascii: "_"): UInt8(ascii: "/")
      default: byte
      }
    }
    while base64.count % 4 != 0 { base64.append(UInt8(ascii: "=")) }
    guard let data = Data(base64Encoded: Data(base64)) else { throw .malformed }
    var reader = CanonicalReader([UInt8](data))
    do throws(CanonicalError) {
      statement = try reader.readBytes(limit: Self.partBytesMax)
      signedAt = try reader.read()
      certificate = try reader.readBytes(limit: Self.partBytesMax)
      signature = try reader.readBytes(limit: 64)
      try reader.finish()
    } catch { throw .malformed }
    // Base64 has several texts for one value: only the one that is written here is good.
    guard self.text == line, signature.count == 64 else { throw .malformed }
  }
}
