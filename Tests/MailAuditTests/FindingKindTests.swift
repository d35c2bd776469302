// The table of findings.

import MailDialogue
import Testing

@testable import MailAudit

@Suite struct FindingKindTests {
    @Test func codesAreUniqueAndInTheirForm() {
        let codes = FindingKind.all.map(\.code)
        #expect(Set(codes).count == codes.count)
        #expect(codes.count >= 60)
        for code in codes {
            #expect(code.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }, "\(code)")
        }
        // `finding == "…"` in a filter must not mean two things.
        let violations = Set(Violation.all.map(\.code)).subtracting(["smtp-smuggling"])
        #expect(violations.isDisjoint(with: codes))
    }

    @Test func everyKindSaysWhatItMeansAndWhatToDo() {
        for kind in FindingKind.all {
            #expect(!kind.title.isEmpty && !kind.title.hasSuffix("."), "\(kind.code)")
            #expect(kind.meaning.hasSuffix("."), "\(kind.code)")
            #expect(!kind.remedy.advice.isEmpty, "\(kind.code)")
        }
    }
}
