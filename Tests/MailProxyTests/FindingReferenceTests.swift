// The reference page of findings is the table.

import Glibc
import MailAudit
import Testing

@testable import MailProxy

@Suite struct FindingReferenceTests {
    @Test func thePageIsWrittenFromTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try TextFile.read("/\(root)/Docs/Findings.md", what: "page")
        // Compared apart: the difference of two pages takes long to print.
        let isSame = page == FindingReference.text
        #expect(isSame, "write it anew with: mailproxy audit --list-findings --markdown > Docs/Findings.md")
    }

    @Test func wordsOfACommandAreAsAShellTakesThem() {
        #expect(
            ShellWords.line(["mailproxy", "audit", "a b.pcap", "it's", ""])
                == "mailproxy audit 'a b.pcap' 'it'\\''s' ''")
        #expect(ShellWords.line(["--format=html", "/x/y-1_2.pcap"]) == "--format=html /x/y-1_2.pcap")
    }
}
