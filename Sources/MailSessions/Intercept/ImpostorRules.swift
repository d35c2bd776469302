// Where an upstream believes us who the client is, nobody else may tell it so: what a client says of itself in these words is refused.

import MailDialogue
import MailRules

package enum ImpostorRules {
    /// Refuses XCLIENT and XFORWARD, and every ID that names an address or hides what it says: in a literal, which comes after the line,
    /// or behind a backslash.
    package static let rules: [Rule] = RuleCompiler.compile([RuleFile(name: "client-address", text: text)]).0.rules

    private static let text = #"""
        rules:
          - name: client-address-smtp
            when: (smtp or lmtp) and command in {"XCLIENT", "XFORWARD"}
            then:
              - reject: "550 5.7.0 who the client is is not the client's to say"
          - name: client-address-pop3
            when: pop3 and command == "XCLIENT"
            then:
              - reject: "who the client is is not the client's to say"
          - name: client-address-imap
            when: imap and command == "ID" and line matches "(?i)x-(orig|conn|proxy|sess|forward|client)|[{\\\\]"
            then:
              - reject: "who the client is is not the client's to say"
        """#

    /// Those of `rules` behind these.
    package static func before(_ rules: RuleSet) -> RuleSet { RuleSet(self.rules + rules.rules) }
}
