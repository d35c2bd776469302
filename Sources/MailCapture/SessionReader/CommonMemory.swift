// What connections keep until it is known what they speak, or until their handshake is over, bounded for all of them: who opens many
// and leaves it at beginnings takes no more than that.

/// The memory of all connections of a reader that keep something of one kind.
package final class CommonMemory {
    /// Octets for handshakes of TLS. One takes some five thousand for as long as it goes on, most of it certificates.
    package static let forHandshakes = 16 << 20
    /// Octets for connections of which it is not known yet what they speak. Those of mail show it in some hundreds.
    package static let forBeginnings = 8 << 20

    fileprivate let most: Int

    /// Octets that are kept.
    package fileprivate(set) var octets = 0
    /// Connections that keep some.
    fileprivate var holders = 0

    package init(most: Int) { self.most = most }

    /// What one connection keeps, given back with it.
    package final class Share {
        private let memory: CommonMemory
        private var octets = 0

        package init(_ memory: CommonMemory) { self.memory = memory }

        deinit { set(0) }

        /// It keeps so many octets now.
        /// - Returns: false when all keep too much, and this one more than its part of it: it has to give up. So whoever came first
        ///   and says nothing more keeps nobody else's handshake from being read, and all take twice the bound at most.
        @discardableResult
        package func keep(_ octets: Int) -> Bool {
            set(octets)
            guard memory.octets > memory.most, octets > memory.most / max(memory.holders, 1) else {
                return true
            }
            set(0)
            return false
        }

        private func set(_ octets: Int) {
            memory.octets += octets - self.octets
            memory.holders += (octets > 0 ? 1 : 0) - (self.octets > 0 ? 1 : 0)
            self.octets = octets
        }
    }
}
