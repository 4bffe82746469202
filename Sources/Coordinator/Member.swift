internal import RaftEngine

/// A member of the consensus group as the engine names it; the wire has a type of the same name, and the
/// engine's module cannot qualify its own, since a class of it has the module's name.
typealias Member = RaftServer
