import ExchangeTypes
import Testing
import WireProtocol

@Suite struct `A handshake` {
  private let cluster = ClusterID(rawValue: 77)

  private func node(
    _ role: NodeRole, cluster: ClusterID? = nil, features: [String] = [],
    versions: ClosedRange<UInt16> = 1...1
  ) -> LocalNode {
    LocalNode(
      role: role, clusterID: cluster ?? self.cluster, node: role == .coordinator ? 3 : 0,
      name: "\(role)", incarnation: 9, features: features, software: "test", versions: versions)
  }

  /// Runs both sides against each other; answers their states.
  private func run(
    _ initiator: LocalNode, _ responder: LocalNode, accepting: [NodeRole] = NodeRole.allCases
  ) -> (initiator: HandshakeState, responder: HandshakeState) {
    var first = InitiatorHandshake(local: initiator)
    var second = ResponderHandshake(local: responder, accepting: accepting)
    let reply: Failure?
    switch second.receive(.hello(first.hello)) {
    case .welcome(let welcome): reply = first.receive(.welcome(welcome))
    case .failure(let failure): reply = first.receive(.failure(failure))
    }
    #expect(reply == nil)
    return (first.state, second.state)
  }

  private func code(_ state: HandshakeState) -> ErrorCode? {
    guard case .refused(let failure) = state else { return nil }
    return failure.errorCode
  }

  @Test func `agrees on the newest common version and the common features`() {
    let states = run(
      node(.worker, features: ["c", "a", "b", "a"], versions: 1...4),
      node(.coordinator, features: ["b", "d", "c", "b"], versions: 2...3))
    guard case .established(let coordinator) = states.initiator,
      case .established(let worker) = states.responder
    else {
      Issue.record("\(states)")
      return
    }
    #expect(coordinator.version == 3 && worker.version == 3)
    #expect(coordinator.features == ["b", "c"] && worker.features == ["b", "c"])
    #expect(coordinator.role == .coordinator && worker.role == .worker)
    #expect(coordinator.node == 3 && worker.node == 0)
    #expect(coordinator.clusterID == cluster && worker.incarnation == 9)
  }

  @Test(
    arguments: [
      (1...1, 2...3), (4...9, 2...3),
    ] as [(ClosedRange<UInt16>, ClosedRange<UInt16>)])
  func `without a common version is refused on both sides`(
    initiator: ClosedRange<UInt16>, responder: ClosedRange<UInt16>
  ) {
    let states = run(node(.client, versions: initiator), node(.coordinator, versions: responder))
    #expect(states.initiator == states.responder)
    #expect(code(states.responder) == .versionMismatch)
  }

  @Test func `with an empty range of versions is refused`() {
    var responder = ResponderHandshake(
      local: node(.coordinator, versions: 1...9), accepting: [.client])
    let hello = Hello(
      versionMin: 5, versionMax: 2, role: .client, clusterID: cluster, node: 0, name: "",
      incarnation: 0, features: [], software: "")
    guard case .failure(let failure) = responder.receive(.hello(hello)) else {
      Issue.record("accepted")
      return
    }
    #expect(failure.errorCode == .versionMismatch)
  }

  @Test func `in a role that the listener does not accept is refused`() {
    let states = run(node(.client), node(.coordinator), accepting: [.coordinator, .worker])
    #expect(code(states.responder) == .wrongRole && code(states.initiator) == .wrongRole)
  }

  @Test func `with another cluster is refused, with an unknown one accepted`() {
    let other = ClusterID(rawValue: 78)
    let states = run(node(.worker, cluster: other), node(.coordinator))
    #expect(code(states.responder) == .wrongCluster && code(states.initiator) == .wrongCluster)
    let unknown = LocalNode.clusterUnknown
    for (one, two) in [(unknown, cluster), (cluster, unknown), (unknown, unknown)] {
      let states = run(node(.worker, cluster: one), node(.coordinator, cluster: two))
      #expect(code(states.responder) == nil && code(states.initiator) == nil)
    }
  }

  @Test func `checks version, role and cluster in this order`() {
    let wrong = node(.client, cluster: ClusterID(rawValue: 1), versions: 8...9)
    #expect(code(run(wrong, node(.coordinator), accepting: []).responder) == .versionMismatch)
    let both = node(.client, cluster: ClusterID(rawValue: 1))
    #expect(code(run(both, node(.coordinator), accepting: []).responder) == .wrongRole)
  }

  @Test func `that starts with anything else is refused`() {
    var responder = ResponderHandshake(local: node(.coordinator), accepting: [.client])
    guard case .failure(let failure) = responder.receive(.ping(Ping(nonce: 1))) else {
      Issue.record("accepted")
      return
    }
    #expect(failure.errorCode == .frameMalformed)
    var initiator = InitiatorHandshake(local: node(.client))
    #expect(initiator.receive(.pong(Pong(nonce: 1)))?.errorCode == .frameMalformed)
    #expect(code(initiator.state) == .frameMalformed)
  }

  @Test func `is refused by the initiator if the Welcome is not an answer to its Hello`() {
    func answer(
      version: UInt16 = 1, role: NodeRole = .coordinator, cluster: UInt128 = 77,
      features: [String] = []
    ) -> ErrorCode? {
      var initiator = InitiatorHandshake(local: node(.client, features: ["a"]))
      let welcome = Welcome(
        version: version, role: role, clusterID: ClusterID(rawValue: cluster), node: 1, name: "",
        incarnation: 0, features: features, software: "")
      return initiator.receive(.welcome(welcome))?.errorCode
    }
    #expect(answer() == nil)
    #expect(answer(features: ["a"]) == nil)
    #expect(answer(version: 2) == .versionMismatch)
    #expect(answer(role: .worker) == .wrongRole)
    #expect(answer(cluster: 1) == .wrongCluster)
    #expect(answer(features: ["b"]) == .frameMalformed)
  }

  @Test func `opens with the features once each, in ascending order`() {
    let initiator = InitiatorHandshake(local: node(.client, features: ["b", "a", "b"]))
    #expect(initiator.hello.features == ["a", "b"])
  }
}
