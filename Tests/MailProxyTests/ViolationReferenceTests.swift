// The reference page of violations is the table, and the table says what an auditor needs of each.

import Glibc
import MailDialogue
import MailRecording
import Testing

@testable import MailProxy

@Suite struct ViolationReferenceTests {
    @Test func thePageIsWrittenFromTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try TextFile.read("/\(root)/Docs/Violations.md", what: "page")
        // Compared apart: the difference of two pages takes long to print.
        let isSame = page == ViolationReference.text
        #expect(isSame, "write it anew with: mailproxy sessions violations --markdown > Docs/Violations.md")
    }

    @Test func everyCodeStandsOnThePage() {
        let listed = ViolationReference.groups.flatMap(\.violations).map(\.code)
        #expect(listed.count == Violation.all.count)
        #expect(Set(listed) == Set(Violation.all.map(\.code)))
        #expect(Violation.all.count >= 120)
    }

    @Test func everyViolationIsExplained() {
        for violation in Violation.all {
            #expect(!violation.example.isEmpty, "\(violation.code)")
            #expect(violation.meaning.hasSuffix("."), "\(violation.code)")
            #expect(violation.meaning.utf8.allSatisfy { $0 >= 32 && $0 < 127 }, "\(violation.code)")
            for line in violation.example.split(separator: "\n", omittingEmptySubsequences: false) {
                let isForm = ["C:", "C>", "C!", "S:", "S>", "S!", "M:"].contains(line.prefix(2))
                #expect(isForm, "\(violation.code): \(line)")
            }
        }
    }
}
