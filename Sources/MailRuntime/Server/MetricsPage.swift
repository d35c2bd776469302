// The text format in which Prometheus reads figures (exposition format, version 0.0.4): families of samples, each with labels.

/// A page of figures.
package struct MetricsPage: Sendable {
    /// What a figure does.
    package enum Kind: String, Sendable {
        /// It only grows while the process lives.
        case counter
        /// It goes up and down.
        case gauge
    }

    /// As Prometheus asks to be told.
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var text = ""
    private var name = ""

    package init() {}

    /// Begins a family. Its samples follow.
    package mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// A sample of the family that was begun last.
    package mutating func sample(_ value: Int, _ labels: [(String, String)] = []) { put(labels, String(value)) }

    /// The same with a fraction; what is no number is left out.
    package mutating func sample(_ value: Double, _ labels: [(String, String)] = []) {
        if value.isFinite { put(labels, "\(value)") }
    }

    private mutating func put(_ labels: [(String, String)], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1, quotes: true))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
