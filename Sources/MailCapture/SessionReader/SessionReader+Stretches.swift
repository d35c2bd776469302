// Where the packets of some sessions are in segments, as few stretches of them as are worth a reading each.

extension SessionReader.Stretch {
    /// Octets between two stretches that cost no more to be read than to be stepped over.
    package static let worthReading = 256 << 10

    /// The stretches that have all these places, in the order in which segments were written. What lies between places is not read,
    /// but where they nearly touch.
    package static func joining(_ places: [SessionReader.Stretch]) -> [SessionReader.Stretch] {
        let sorted = places.sorted {
            ($0.path.utf8.count, $0.path, $0.octets.lowerBound) < ($1.path.utf8.count, $1.path, $1.octets.lowerBound)
        }
        var joined: [SessionReader.Stretch] = []
        for place in sorted {
            if var last = joined.popLast() {
                if last.path == place.path,
                    place.octets.lowerBound &- worthReading <= last.octets.upperBound
                {
                    let end = max(last.octets.upperBound, place.octets.upperBound)
                    last.octets = last.octets.lowerBound..<end
                    joined.append(last)
                    continue
                }
                joined.append(last)
            }
            joined.append(place)
        }
        return joined
    }
}
