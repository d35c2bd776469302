// What is said of a command line that can't be read.

import Testing

@testable import MailProxy

@Suite struct CommandLineTests {
    @Test(arguments: [
        ("audit --format yaml day.pcap", "mailproxy audit --help"),
        ("sessions list --by nothing", "mailproxy sessions list --help"),
        ("sessions --json list", "mailproxy sessions --help"),
        ("ca export -o", "mailproxy ca export --help"),
        ("audt day.pcap", "mailproxy --help"),
        ("--nothing", "mailproxy --help"),
    ]) func theHelpOfTheCommandIsNamed(_ line: String, _ help: String) {
        #expect(Main.helpCommand(for: line.split(separator: " ").map(String.init)) == help)
    }

    @Test func severitiesAreListed() {
        #expect(AuditCommand.FailOn.allValueStrings == ["info", "low", "medium", "high", "critical", "never"])
    }
}
