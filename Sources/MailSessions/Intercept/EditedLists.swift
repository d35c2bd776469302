// What became of lists of capabilities that were seen lately. A server says the same list in each session, and cutting one up costs
// as much as following a message.

/// Lists and what a policy makes of them; the last few.
///
/// Unchecked: used by one loop's thread only, as the filters are that share it.
package final class EditedLists: @unchecked Sendable {
    private struct Entry {
        let policy: CapabilityPolicy
        /// Something beside the policy that the outcome hangs on.
        let variant: Int
        let list: [UInt8]
        let edited: [UInt8]
    }

    /// Lists that are remembered: a loop serves few servers, each of which has one list before a login and one behind it.
    private static let most = 16
    /// Longer ones are not remembered.
    private static let longest = 4_096

    private var entries: [Entry] = []
    private var oldest = 0

    package init() {}

    /// What `edit` makes of the list, or made of the same one before.
    func edited(
        _ list: [UInt8], by policy: CapabilityPolicy, variant: Int = 0, _ edit: ([UInt8]) -> [UInt8]
    ) -> [UInt8] {
        for entry in entries where entry.variant == variant && entry.list == list && entry.policy == policy {
            return entry.edited
        }
        let edited = edit(list)
        guard list.count <= Self.longest else { return edited }
        let entry = Entry(policy: policy, variant: variant, list: list, edited: edited)
        if entries.count < Self.most {
            entries.append(entry)
        } else {
            entries[oldest] = entry
            oldest = (oldest + 1) % Self.most
        }
        return edited
    }
}
