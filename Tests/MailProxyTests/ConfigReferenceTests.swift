// The reference page is the table of settings, and every setting can be set in every way.

import Glibc
import Testing

@testable import MailProxy

@Suite struct ConfigReferenceTests {
    @Test func thePageIsWrittenFromTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try TextFile.read("/\(root)/Docs/Configuration.md", what: "page")
        #expect(page == ConfigReference.text, "write it anew with: mailproxy config reference > Docs/Configuration.md")
    }

    @Test func everySettingHasItsVariable() {
        #expect(Setting.named("record.dir")?.variable == "MAILPROXY_RECORD_DIR")
        #expect(Setting.named("server.message-size")?.variable == "MAILPROXY_SERVER_MESSAGE_SIZE")
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
        #expect(Setting.all.allSatisfy { $0.meaning.hasSuffix(".") })
    }

    @Test func theKeyThatWasMeant() {
        #expect(Setting.nearest(to: "record.dri") == "record.dir")
        #expect(Setting.nearest(to: "route") == "routes")
        #expect(Setting.nearest(to: "completely-else") == nil)
    }
}
