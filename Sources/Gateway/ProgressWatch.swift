internal import NIOCore
internal import NIOHTTP1

/// Bounds what the decoder swallows without giving a part of a request: extensions of chunks, empty lines.
///
/// The decoder has limits for fields only. Stands before it; told by the connection of each part that came out.
final class ProgressWatch: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let bytesMax: Int
  /// Bytes since the last part came out.
  private var bytes = 0

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// The decoder has given a part.
  func progressed() { bytes = 0 }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes += Self.unwrapInboundIn(data).readableBytes
    guard bytes <= bytesMax else {
      // Nothing more of it is decoded: the connection ends with this.
      return context.fireErrorCaught(HTTPParserError.headerOverflow)
    }
    context.fireChannelRead(data)
  }
}
