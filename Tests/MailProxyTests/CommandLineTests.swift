// What is said of a command line that can't be read.

import Testing

@testable import MailProxy

@Suite struct CommandLineTests {
    private func complaint(_ line: String, _ message: String = "wrong") -> String {
        Main.complaint(message, of: line.split(separator: " ").map(String.init))
    }

    @Test(arguments: [
        ("audit --format yaml day.pcap", "wrong (see 'mailproxy audit --help')"),
        ("sessions list --by nothing", "wrong (see 'mailproxy sessions list --help')"),
        ("sessions --json list", "wrong (see 'mailproxy sessions --help')"),
        ("ca export -o", "wrong (see 'mailproxy ca export --help')"),
        ("--nothing", "wrong (see 'mailproxy --help')"), ("", "wrong (see 'mailproxy --help')"),
        ("help --nothing", "wrong (see 'mailproxy --help')"),
    ]) func theHelpOfTheCommandIsNamed(_ line: String, _ said: String) { #expect(complaint(line) == said) }

    @Test func commandsThatAreNotThere() {
        #expect(
            complaint("audti day.pcap")
                == "there is no command 'audti' (did you mean 'audit'?) (see 'mailproxy --help')")
        #expect(
            complaint("sessions lst")
                == "there is no command 'lst' (did you mean 'list'?) (see 'mailproxy sessions --help')")
        #expect(
            complaint("sessions everything") == "there is no command 'everything' (see 'mailproxy sessions --help')")
    }

    @Test func valuesAreOneLine() {
        let message = "The value 'x' is wrong. Please provide one of the following:\n  - start\n  - end"
        #expect(
            complaint("audit", message)
                == "The value 'x' is wrong. Please provide one of the following: start, end (see 'mailproxy audit --help')"
        )
    }

    @Test func severitiesAreListed() {
        #expect(AuditCommand.FailOn.allValueStrings == ["info", "low", "medium", "high", "critical", "never"])
    }
}
