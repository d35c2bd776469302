// Numbers with units: sizes in octets, times in microseconds.

/// A unit of a number.
package enum Unit: String, Sendable, CaseIterable {
    case octets = "B"
    case kilo = "KB"
    case mega = "MB"
    case giga = "GB"
    case kibi = "KiB"
    case mebi = "MiB"
    case gibi = "GiB"
    case milliseconds = "ms"
    case seconds = "s"
    case minutes = "min"
    case hours = "h"
    case days = "d"

    /// Octets or microseconds in one.
    package var factor: Int {
        switch self {
        case .octets: 1
        case .kilo: 1000
        case .mega: 1_000_000
        case .giga: 1_000_000_000
        case .kibi: 1024
        case .mebi: 1_048_576
        case .gibi: 1_073_741_824
        case .milliseconds: 1000
        case .seconds: 1_000_000
        case .minutes: 60_000_000
        case .hours: 3_600_000_000
        case .days: 86_400_000_000
        }
    }

    package var isTime: Bool {
        switch self {
        case .milliseconds, .seconds, .minutes, .hours, .days: true
        case .octets, .kilo, .mega, .giga, .kibi, .mebi, .gibi: false
        }
    }
}

/// Reads numbers with units.
package enum Quantity {
    /// The value of digits with an optional fraction; nil when it does not fit in 63 bits, or a fraction has no unit.
    package static func value(_ digits: String, unit: Unit?) -> Int? {
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Int(first) else { return nil }
        let factor = unit?.factor ?? 1
        let (product, over) = whole.multipliedReportingOverflow(by: factor)
        guard !over else { return nil }
        guard parts.count == 2 else { return product }
        guard unit != nil else { return nil }
        // Six digits are a millionth; what is behind them is less than anybody means.
        let places = parts[1].utf8.prefix(6)
        guard let fraction = Int(String(decoding: places, as: UTF8.self)) else { return nil }
        var scale = 1
        for _ in places { scale *= 10 }
        let (part, partOver) = fraction.multipliedReportingOverflow(by: factor)
        let (sum, sumOver) = product.addingReportingOverflow(part / scale)
        return partOver || sumOver ? nil : sum
    }

    /// A time like `2s`, `1.5 s`, `500ms`; microseconds.
    package static func duration(_ text: String) -> Int? {
        let octets = Array(text.utf8)
        let digits = octets.prefix { ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: ".") }
        let word = octets.dropFirst(digits.count).drop { $0 == 32 }
        guard let unit = Unit(rawValue: String(decoding: word, as: UTF8.self)), unit.isTime else { return nil }
        return value(String(decoding: digits, as: UTF8.self), unit: unit)
    }
}
