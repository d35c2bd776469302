// What to do about findings: in general, and word for word for the programs that people use.

/// What to do about a finding.
package enum Remedy: String, Sendable, Hashable, CaseIterable {
    case protectLogins, protectClients, offerTLS, requireTLS, findStripping, modernTLS, certificates, strongerMechanism,
        changePasswords, stopGuessing, hideUsers, closeRelay, upgradeServers, upgradeClients, protectMessages,
        filterContent, hideVersions, closeNetwork, captureBetter, review

    /// A program with the setting that does it.
    package struct Setting: Equatable, Sendable {
        package let program: String
        package let text: String

        package init(_ program: String, _ text: String) {
            self.program = program
            self.text = text
        }
    }

    /// One or two sentences.
    package var advice: String {
        switch self {
        case .protectLogins:
            "Take no password without TLS at the server, set clients to TLS from the first octet, and change the passwords that were seen."
        case .protectClients:
            "Set the clients to TLS from the first octet (ports 465, 993, 995), never to “TLS if available”."
        case .offerTLS:
            "Give the server a certificate and let it offer TLS: implicit TLS on ports 465, 993 and 995, STARTTLS on the others."
        case .requireTLS: "Let the server refuse logins without TLS, and not offer mechanisms with passwords before it."
        case .findStripping:
            "Compare what the server says from inside its own network with what clients get; look for firewalls that inspect SMTP. Set clients to require TLS, so that a refusal ends the connection."
        case .modernTLS: "Allow TLS 1.2 and 1.3 only, with ciphers that have forward secrecy."
        case .certificates:
            "Install a certificate of a public authority (or of one that all clients know) for exactly the names that clients use, and renew it by a timer."
        case .strongerMechanism:
            "Use PLAIN or LOGIN under TLS, SCRAM-SHA-256 or tokens; turn CRAM-MD5, DIGEST-MD5, NTLM, APOP and ANONYMOUS off."
        case .changePasswords:
            "Let the owners choose new passwords, long and used nowhere else; check them against lists of known ones."
        case .stopGuessing:
            "Limit and delay refused logins by account and address, block addresses that go on, and ask the owners of the accounts about the logins."
        case .hideUsers: "Answer VRFY with 252, turn EXPN off, and limit how many unknown recipients a client may try."
        case .closeRelay:
            "Relay only for clients that log in or are in your own networks; pass identities only from your own proxies."
        case .upgradeServers:
            "Install the newest release of the server, and its option that refuses bare line ends and unwanted pipelining."
        case .upgradeClients: "Install the newest release of the client."
        case .protectMessages: "Use TLS on every hop; what must stay secret to the end needs S/MIME or OpenPGP."
        case .filterContent: "Refuse or hold such messages at the server; a rule of the proxy can do it."
        case .hideVersions: "Shorten the greeting to what the protocol needs."
        case .closeNetwork: "Let the firewall pass mail ports only from and to the hosts that need them."
        case .captureBetter:
            "Capture nearer to the server, with a larger buffer (--buffer), both directions, and whole packets (snap length 262144)."
        case .review: "Look at the sessions, and decide whether they are as they should be."
        }
    }

    /// For clients.
    package var clients: [Setting] {
        switch self {
        case .protectLogins, .protectClients, .findStripping: Self.clientTLS
        case .modernTLS, .offerTLS, .requireTLS, .certificates, .changePasswords, .stopGuessing, .hideUsers,
            .closeRelay,
            .upgradeServers, .filterContent, .hideVersions, .closeNetwork, .review:
            []
        case .upgradeClients:
            [
                Setting("Thunderbird", "Help → About Thunderbird installs what is new"),
                Setting("Outlook", "File → Office Account → Update Options → Update Now"),
                Setting("mutt, msmtp, fetchmail, mbsync", "the distribution's newest package"),
            ]
        case .protectMessages:
            [
                Setting("Thunderbird", "Account settings → End-to-end encryption"),
                Setting("Outlook", "File → Options → Trust Center → Email security: S/MIME"),
            ]
        case .captureBetter:
            [
                Setting("mailproxy capture", "--buffer 256M, no --snaplen, -f with the mail ports"),
                Setting("tcpdump", "-s 0 -B 262144 (KiB), -w to a disk that keeps up"),
                Setting("dumpcap", "-s 262144 -B 256 (MiB)"),
            ]
        case .strongerMechanism:
            [
                Setting(
                    "Thunderbird",
                    "Account settings → Server settings → Authentication method: Normal password, with SSL/TLS"),
                Setting("msmtp", "auth plain, with tls on"),
                Setting("fetchmail", "auth password, with ssl"),
            ]
        }
    }

    /// For servers.
    package var servers: [Setting] {
        switch self {
        case .protectLogins, .requireTLS:
            [
                Setting("Postfix", "smtpd_tls_auth_only = yes; submissions (port 465) in master.cf"),
                Setting(
                    "Dovecot", "auth_allow_cleartext = no (before 2.4: disable_plaintext_auth = yes); ssl = required"),
                Setting("Exim", "server_advertise_condition = ${if def:tls_in_cipher} in each authenticator"),
                Setting("Cyrus IMAP", "allowplaintext: no"),
                Setting("Courier", "IMAP_TLS_REQUIRED=1, POP3_TLS_REQUIRED=1"),
                Setting(
                    "Exchange",
                    "Set-ImapSettings and Set-PopSettings -LoginType SecureLogin; on receive connectors BasicAuthRequireTLS"
                ),
                Setting("Sendmail", "define(`confAUTH_OPTIONS', `A p y')"),
            ]
        case .offerTLS, .findStripping:
            [
                Setting("Postfix", "smtpd_tls_security_level = may, smtpd_tls_chain_files = KEY, CERTIFICATE"),
                Setting(
                    "Dovecot", "ssl = yes, ssl_server_cert_file and ssl_server_key_file (before 2.4: ssl_cert, ssl_key)"
                ),
                Setting("Exim", "tls_advertise_hosts = *, tls_certificate, tls_privatekey"),
                Setting("Cyrus IMAP", "tls_server_cert, tls_server_key; services imaps and pop3s"),
                Setting("Cisco firewalls", "no inspect esmtp, or allow-tls in its policy map"),
            ]
        case .modernTLS:
            [
                Setting("Postfix", "smtpd_tls_mandatory_protocols = >=TLSv1.2, smtpd_tls_protocols = >=TLSv1.2"),
                Setting("Dovecot", "ssl_min_protocol = TLSv1.2"),
                Setting("Exim", "openssl_options = +no_sslv3 +no_tlsv1 +no_tlsv1_1"),
                Setting("Cyrus IMAP", "tls_versions: tls1_2 tls1_3"),
            ]
        case .strongerMechanism:
            [
                Setting("Dovecot", "auth_mechanisms = plain login scram-sha-256 oauthbearer"),
                Setting("Postfix", "smtpd_sasl_security_options = noanonymous"),
                Setting("Cyrus SASL", "mech_list: plain login scram-sha-256"),
            ]
        case .stopGuessing:
            [
                Setting("Dovecot", "auth_policy or fail2ban with the jail dovecot; auth_failure_delay"),
                Setting("Postfix", "smtpd_client_auth_rate_limit, fail2ban with the jail postfix-sasl"),
            ]
        case .hideUsers:
            [
                Setting(
                    "Postfix", "disable_vrfy_command = yes, smtpd_hard_error_limit, smtpd_client_recipient_rate_limit"),
                Setting("Exim", "no acl_smtp_vrfy and acl_smtp_expn"),
                Setting("Sendmail", "define(`confPRIVACY_FLAGS', `goaway')"),
            ]
        case .closeRelay:
            [
                Setting(
                    "Postfix",
                    "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject; allow_percent_hack = no; smtpd_authorized_xclient_hosts empty"
                ),
                Setting("Exim", "relay_from_hosts and relay_to_domains"),
                Setting("Exchange", "no anonymous permission ms-Exch-SMTP-Accept-Any-Recipient on receive connectors"),
            ]
        case .upgradeServers:
            [
                Setting("Postfix", "smtpd_forbid_bare_newline = normalize, smtpd_forbid_unauth_pipelining = yes"),
                Setting("Exim", "4.97.1 or later"),
                Setting("Sendmail", "8.18.1 or later"),
            ]
        case .hideVersions:
            [
                Setting("Postfix", "smtpd_banner = $myhostname ESMTP"),
                Setting("Dovecot", "login_greeting = ready; imap_id_send empty"),
                Setting("Exim", "smtp_banner = $smtp_active_hostname ESMTP"),
                Setting("Cyrus IMAP", "serverinfo: off"),
            ]
        case .protectMessages:
            [
                Setting("Postfix", "smtp_tls_security_level = dane, or may with MTA-STS"),
                Setting("Exim", "hosts_require_tls or hosts_require_dane in the smtp transport"),
                Setting("Exchange", "Set-SendConnector -RequireTLS $true"),
            ]
        case .certificates:
            [
                Setting("all", "certbot or another ACME client, with a hook that reloads the server"),
                Setting("Postfix", "smtpd_tls_chain_files = KEY, CERTIFICATE with the intermediate ones"),
                Setting(
                    "Dovecot",
                    "ssl_server_cert_file and ssl_server_key_file (before 2.4: ssl_cert, ssl_key), with local_name for each name"
                ),
                Setting("Exim", "tls_certificate and tls_privatekey, which may depend on $tls_in_sni"),
                Setting("Exchange", "Enable-ExchangeCertificate -Services IMAP,POP,SMTP"),
            ]
        case .changePasswords:
            [
                Setting("accounts of the system", "pam_pwquality (minlen) and chage -d 0 USER"),
                Setting("OpenLDAP", "the overlay ppolicy: pwdMinLength, pwdCheckQuality, pwdReset"),
                Setting("Active Directory", "fine-grained password policy; Set-ADUser -ChangePasswordAtLogon $true"),
            ]
        case .filterContent:
            [
                Setting("Postfix", "mime_header_checks, or a milter such as rspamd or amavis"),
                Setting("Exim", "acl_smtp_mime, acl_smtp_data with malware"),
                Setting("Exchange", "transport rules: attachment extension, has executable content"),
                Setting("mailproxy", "a rule with attachment.name and reject or hold"),
            ]
        case .closeNetwork:
            [
                Setting(
                    "nftables", "tcp dport { 24, 25, 110, 143, 465, 587, 993, 995 } only for the hosts that need it"),
                Setting("Postfix", "inet_interfaces; LMTP by a UNIX socket (lmtp:unix:private/dovecot-lmtp)"),
                Setting("Dovecot", "listen; inet_listener with port 0 for what is not used"),
            ]
        case .protectClients, .upgradeClients, .captureBetter, .review: []
        }
    }

    private static let clientTLS = [
        Setting(
            "Thunderbird",
            "Account settings → Server settings → Connection security: SSL/TLS (IMAP 993, POP3 995, SMTP 465)"),
        Setting("Outlook", "Account settings → More settings → Advanced → encrypted connection: SSL/TLS"),
        Setting("Apple Mail", "Settings → Accounts → Server settings: Use TLS/SSL, and not “automatically manage”"),
        Setting("iOS and Android mail", "Account → incoming and outgoing server: SSL/TLS, port 993 or 995 and 465"),
        Setting("mutt", "set ssl_force_tls = yes, or imaps://, pops:// and smtps://"),
        Setting("msmtp", "tls on, tls_starttls off, port 465"),
        Setting("fetchmail", "ssl, sslproto TLS1.2+, sslcertck"),
        Setting("mbsync", "TLSType IMAPS (before 1.5: SSLType IMAPS)"),
        Setting("OfflineIMAP", "ssl = yes, sslcacertfile = OS-DEFAULT"),
        Setting("curl", "imaps://, pop3s://, smtps://, or --ssl-reqd"),
        Setting("swaks", "--tls-on-connect, or --tls (never --tls-optional)"),
        Setting("Python", "IMAP4_SSL, POP3_SSL, SMTP_SSL"),
        Setting(
            "printers, scanners, devices",
            "SMTP over SSL, port 465; a device that can't gets an account of its own and a proxy beside it"),
    ]
}
