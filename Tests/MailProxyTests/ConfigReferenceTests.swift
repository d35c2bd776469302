// The reference page is the table of settings, and every setting can be set in every way.

import Glibc
import MailRuntime
import Testing

@testable import MailProxy

@Suite struct ConfigReferenceTests {
    @Test func thePageIsWrittenFromTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try TextFile.read("/\(root)/Docs/Configuration.md", what: "page")
        #expect(page == ConfigReference.text, "write it anew with: mailproxy config reference > Docs/Configuration.md")
    }

    @Test func theTablesOfLimitsAreWrittenFromTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try TextFile.read("/\(root)/Docs/Operation.md", what: "page")
        #expect(page.contains("\n\n\(LimitTable.text)\n"), "write them anew with: mailproxy config limits")
        for limit in LimitTable.settings {
            #expect(Setting.named(limit.key)?.meaning == limit.meaning)
            #expect(limit.standard == 0 || limit.range.contains(limit.standard))
            #expect(limit.complaint(about: limit.standard) == nil)
            #expect(!limit.reason.isEmpty && !limit.beyond.isEmpty)
            // At the edge.
            guard let floor = limit.floor else { continue }
            #expect(limit.complaint(about: floor.least) == nil && limit.complaint(about: floor.least - 1) != nil)
        }
        #expect(LimitTable.fixed.allSatisfy { !$0.reason.isEmpty && !$0.beyond.isEmpty && $0.value > 0 })
    }

    /// Each setting goes where it belongs, and nowhere else.
    @Test func settingsMakeTheLimits() throws {
        for limit in LimitTable.settings {
            var settings = Settings()
            try settings.set(assignment: "\(limit.key)=7777")
            var wanted = ServerLimits()
            wanted[keyPath: limit.path] = 7_777
            #expect(LimitTable.limits(settings) == wanted, "\(limit.key)")
        }
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
