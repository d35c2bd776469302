// The page on strip tests has the table of tests as the program has it.

import MailSessions
import Testing

@testable import MailProxy

@Suite struct StripTestPageTests {
    @Test func thePageHasTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try TextFile.read("/\(root)/Docs/StripTest.md", what: "page")
        let holds = page.contains(StripVector.markdown)
        #expect(holds, "put this into it: mailproxy strip-test vectors --markdown")
    }
}
