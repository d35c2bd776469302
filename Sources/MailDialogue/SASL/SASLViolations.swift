// What a SASL exchange can break, in whatever protocol it runs. LOGIN and XOAUTH2 have no RFC: nothing of theirs is
// judged but the base64.

extension Violation {
    // MARK: The framing

    static let saslBadBase64 = Violation(
        "sasl-bad-base64", .client, .error, "RFC 4648 §4",
        "The client's response is not base64.",
        example: "C: AUTH PLAIN\nS: 334 \nC: not base64")
    static let saslPaddingInside = Violation(
        "sasl-padding-inside", .client, .error, "RFC 4648 §3.3",
        "The client's response has the pad character `=` before its end, where decoders differ in what follows.",
        example: "C: AUTH PLAIN\nS: 334 \nC: AGFsaWNlAA==czNjcmV0")
    static let saslPadBits = Violation(
        "sasl-pad-bits", .client, .error, "RFC 4648 §3.5",
        "The client's base64 has pad bits that are not zero, so that several texts mean the same octets.",
        example: "C: AUTH PLAIN AGFsaWNlAHMzY3JldB==")
    static let saslChallengeBadBase64 = Violation(
        "sasl-challenge-bad-base64", .server, .error, "RFC 4648 §4",
        "The server's challenge is not base64.",
        example: "C: AUTH PLAIN\nS: 334 go ahead")
    static let saslLineTooLong = Violation(
        "sasl-line-too-long", .client, .notice, "RFC 4954 §4",
        "The client's response has more than the 12,288 octets that are taken to be enough for any mechanism.",
        example: "C: AUTH GSSAPI\nS: 334 \nC: YIIC… (12,289 octets)")
    static let saslInitialResponse = Violation(
        "sasl-initial-response", .client, .error, "RFC 4422 §5",
        "The client sent an initial response in a mechanism in which the server begins.",
        example: "C: AUTH CRAM-MD5 dGlt")
    static let saslFirstChallengeNotEmpty = Violation(
        "sasl-first-challenge-not-empty", .server, .error, "RFC 4422 §5",
        "The client begins in this mechanism, and the server's first challenge was not empty.",
        example: "C: AUTH PLAIN\nS: 334 VXNlcm5hbWU6")
    static let saslUnexpectedChallenge = Violation(
        "sasl-unexpected-challenge", .server, .error, "RFC 4422 §5",
        "The server sent a challenge although the mechanism has no further message.",
        example: "C: AUTH PLAIN AGFsaWNlAHMzY3JldA==\nS: 334 ")
    static let saslChallengeAfterCancel = Violation(
        "sasl-challenge-after-cancel", .server, .error, "RFC 4422 §3.5",
        "The client gave the exchange up, and the server went on with it.",
        example: "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 334 UGFzc3dvcmQ6")
    static let saslFinalResponseNotEmpty = Violation(
        "sasl-final-response-not-empty", .client, .error, "RFC 4422 §5",
        "The client answered the server's last proof with something else than an empty response.",
        example: "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 cj1hYmNkLHM9YzJGc2RBPT0saT00MDk2\n"
            + "C: Yz1iaXdzLHI9YWJjZCxwPUFBQUE=\nS: 334 dj1BQUFB\nC: AQ==")

    // MARK: PLAIN

    static let saslPlainForm = Violation(
        "sasl-plain-form", .client, .error, "RFC 4616 §2",
        "The client's message has not the two NUL octets that part identity, account and password.",
        example: "C: AUTH PLAIN YWxpY2UAczNjcmV0")
    static let saslPlainNoAccount = Violation(
        "sasl-plain-no-account", .client, .error, "RFC 4616 §2",
        "The client's message names no account.",
        example: "C: AUTH PLAIN AABzM2NyZXQ=")
    static let saslPlainNoPassword = Violation(
        "sasl-plain-no-password", .client, .attack, "RFC 4616 §2",
        "The client's message has an empty password, which some directories take for an anonymous login that succeeds.",
        example: "C: AUTH PLAIN AGFsaWNlAA==")
    static let saslPlainNUL = Violation(
        "sasl-plain-nul", .client, .error, "RFC 4616 §2",
        "The password holds a NUL octet, at which servers may cut it off.",
        example: "C: AUTH PLAIN AGFsaWNlAHMzAGNyZXQ=")
    static let saslPlainLongField = Violation(
        "sasl-plain-long-field", .client, .notice, "RFC 4616 §2",
        "A field of the client's message has more than the 255 octets that every server takes.",
        example: "C: AUTH PLAIN AGFhYWFh… (a name of 256 octets)")
    static let saslPlainNotUTF8 = Violation(
        "sasl-plain-not-utf8", .client, .error, "RFC 4616 §2",
        "A field of the client's message is not UTF-8.",
        example: "C: AUTH PLAIN AGFsaWNlAP8=")

    // MARK: CRAM-MD5

    static let saslCRAMChallengeForm = Violation(
        "sasl-cram-challenge-form", .server, .error, "RFC 2195 §2",
        "The server's challenge has not the form of a message identifier in angle brackets.",
        example: "C: AUTH CRAM-MD5\nS: 334 MTIzNA==")
    static let saslCRAMResponseForm = Violation(
        "sasl-cram-response-form", .client, .error, "RFC 2195 §2",
        "The client's response is not a user name, a space and a digest.",
        example: "C: AUTH CRAM-MD5\nS: 334 PDE4OTZAbXguZXhhbXBsZS5jb20+\nC: dGlt")
    static let saslCRAMDigestForm = Violation(
        "sasl-cram-digest-form", .client, .error, "RFC 2195 §2",
        "The client's digest is not 32 hexadecimal digits in lower case.",
        example: "C: AUTH CRAM-MD5\nS: 334 PDE4OTZAbXguZXhhbXBsZS5jb20+\nC: dGltIEI5MTNBNjAy")

    // MARK: SCRAM

    static let saslSCRAMForm = Violation(
        "sasl-scram-form", .client, .error, "RFC 5802 §7",
        "The client's message has not the attributes that are due, or not in their order.",
        example: "C: AUTH SCRAM-SHA-256 bj1hbGljZSxyPWFiYw==")
    static let saslSCRAMChallengeForm = Violation(
        "sasl-scram-challenge-form", .server, .error, "RFC 5802 §7",
        "The server's message has not the attributes that are due, or not in their order.",
        example: "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 cj1hYmNkLGk9NDA5Ng==")
    static let saslSCRAMNameEscape = Violation(
        "sasl-scram-name-escape", .client, .error, "RFC 5802 §5.1",
        "A name in the client's message has an equals sign that begins neither `=2C` nor `=3D`.",
        example: "C: AUTH SCRAM-SHA-256 biwsbj1hPWIscj1hYmM=")
    static let saslSCRAMExtension = Violation(
        "sasl-scram-extension", .client, .error, "RFC 5802 §5.1",
        "The client's message has the attribute `m`, which no version of SCRAM defines and which must fail the login.",
        example: "C: AUTH SCRAM-SHA-256 biwsbT14LG49YWxpY2Uscj1hYmM=")
    static let saslSCRAMServerExtension = Violation(
        "sasl-scram-server-extension", .server, .error, "RFC 5802 §5.1",
        "The server's message has the attribute `m`, which no version of SCRAM defines and which must fail the login.",
        example: "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 bT14LHI9YWJjZCxzPWMyRnNkQT09LGk9NDA5Ng==")
    static let saslSCRAMNonceNotExtended = Violation(
        "sasl-scram-nonce-not-extended", .server, .attack, "RFC 5802 §5.1",
        "The server's nonce does not begin with the client's, or adds nothing to it, as in a replay.",
        example: "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 cj14eXoscz1jMkZzZEE9PSxpPTQwOTY=")
    static let saslSCRAMNonceChanged = Violation(
        "sasl-scram-nonce-changed", .client, .attack, "RFC 5802 §5.1",
        "The nonce in the client's proof is not the one that the server sent, as in a replay.",
        example:
            "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 cj1hYmNkLHM9YzJGc2RBPT0saT00MDk2\nC: Yz1iaXdzLHI9eHl6LHA9QUFBQQ=="
    )
    static let saslSCRAMBindingFlag = Violation(
        "sasl-scram-binding-flag", .client, .error, "RFC 5802 §6",
        "The client chose a mechanism that binds to the channel and says that the server can't bind.",
        example: "C: AUTH SCRAM-SHA-256-PLUS eSwsbj1hbGljZSxyPWFiYw==")
    static let saslSCRAMBindingChanged = Violation(
        "sasl-scram-binding-changed", .client, .attack, "RFC 5802 §6",
        "What the client proves of the channel binding is not what it said first, as when somebody between changed it.",
        example:
            "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 cj1hYmNkLHM9YzJGc2RBPT0saT00MDk2\nC: Yz1lU3dzLHI9YWJjZCxwPUFBQUE="
    )
    static let saslSCRAMFewIterations = Violation(
        "sasl-scram-few-iterations", .server, .notice, "RFC 5802 §5.1",
        "The server asks for fewer than 4,096 iterations, which makes passwords easy to guess from a recording.",
        example: "C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\nS: 334 cj1hYmNkLHM9YzJGc2RBPT0saT0x")

    // MARK: DIGEST-MD5

    static let saslDigestChallengeForm = Violation(
        "sasl-digest-challenge-form", .server, .error, "RFC 2831 §2.1.1",
        "The server's challenge lacks the nonce or the algorithm, has a directive twice, or can't be read.",
        example: "C: AUTH DIGEST-MD5\nS: 334 cmVhbG09ImV4YW1wbGUuY29tIg==")
    static let saslDigestHTTPDirective = Violation(
        "sasl-digest-http-directive", .server, .error, "RFC 2831 §2.1.1",
        "The server's challenge has a directive that belongs to HTTP only: opaque or domain.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2VzcyxvcGFxdWU9Inki")
    static let saslDigestChallengeTooLong = Violation(
        "sasl-digest-challenge-too-long", .server, .error, "RFC 2831 §2.1.1",
        "The server's challenge has 2,048 octets or more.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9… (2,048 octets)")
    static let saslDigestResponseForm = Violation(
        "sasl-digest-response-form", .client, .error, "RFC 2831 §2.1.2",
        "The client's response lacks the user, a nonce or the digest, has a directive twice, or can't be read.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\nC: dXNlcm5hbWU9ImFsaWNlIg==")
    static let saslDigestResponseTooLong = Violation(
        "sasl-digest-response-too-long", .client, .error, "RFC 2831 §2.1.2",
        "The client's response has 4,096 octets or more.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\nC: dXNlcm5h… (4,096 octets)")
    static let saslDigestResponseHash = Violation(
        "sasl-digest-response-hash", .client, .error, "RFC 2831 §2.1.2",
        "The client's digest is not 32 hexadecimal digits in lower case.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\n"
            + "C: dXNlcm5hbWU9ImEiLG5vbmNlPSJ4Iixjbm9uY2U9InkiLHJlc3BvbnNlPUQzODg=")
    static let saslDigestNonceChanged = Violation(
        "sasl-digest-nonce-changed", .client, .attack, "RFC 2831 §2.1.2",
        "The client answers another nonce than the server sent, as in a replay.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\n"
            + "C: dXNlcm5hbWU9ImEiLG5vbmNlPSJ6Iixjbm9uY2U9InkiLHJlc3BvbnNlPWQzODg=")
    static let saslDigestNonceCount = Violation(
        "sasl-digest-nonce-count", .client, .error, "RFC 2831 §2.1.2",
        "The client answers a new nonce and does not count this use of it as the first.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\n"
            + "C: dXNlcm5hbWU9ImEiLG5vbmNlPSJ4IixuYz0wMDAwMDAwMg==")
    static let saslDigestQopNotOffered = Violation(
        "sasl-digest-qop-not-offered", .client, .error, "RFC 2831 §2.1.2",
        "The client chose a quality of protection that the server did not offer.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\n"
            + "C: dXNlcm5hbWU9ImEiLG5vbmNlPSJ4Iixxb3A9YXV0aC1pbnQ=")
    static let saslDigestProofForm = Violation(
        "sasl-digest-proof-form", .server, .error, "RFC 2831 §2.1.3",
        "The server answers the client's digest with something else than its own of 32 hexadecimal digits.",
        example: "C: AUTH DIGEST-MD5\nS: 334 bm9uY2U9IngiLGFsZ29yaXRobT1tZDUtc2Vzcw==\n"
            + "C: dXNlcm5hbWU9ImEi\nS: 334 cnNwYXV0aD0x")

    // MARK: OAUTHBEARER

    static let saslBearerForm = Violation(
        "sasl-bearer-form", .client, .error, "RFC 7628 §3.1",
        "The client's message is not a header and fields that each end in ^A, or has no `auth`.",
        example: "C: AUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB0b2szbg==")
    static let saslBearerErrorForm = Violation(
        "sasl-bearer-error-form", .server, .error, "RFC 7628 §3.2.2",
        "The server's reason for the refusal is not JSON.",
        example: "C: AUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB0b2szbgEB\nS: 334 bm8=")
    static let saslBearerErrorUnacknowledged = Violation(
        "sasl-bearer-error-unacknowledged", .client, .error, "RFC 7628 §3.2.3",
        "The client answered the server's reason for the refusal with something else than a single ^A or a cancel.",
        example: "C: AUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB0b2szbgEB\nS: 334 eyJzdGF0dXMiOiI0MDEifQ==\nC: ")

    // MARK: EXTERNAL, ANONYMOUS, NTLM

    static let saslExternalIdentity = Violation(
        "sasl-external-identity", .client, .error, "RFC 4422 §A.1",
        "The identity that the client wants to act as holds a NUL octet or is not UTF-8.",
        example: "C: AUTH EXTERNAL YQBi")
    static let saslAnonymousTrace = Violation(
        "sasl-anonymous-trace", .client, .error, "RFC 4505 §2",
        "The client's trace is not UTF-8, or is no address and has more than 255 characters.",
        example: "C: AUTH ANONYMOUS /w==")
    static let saslNTLMForm = Violation(
        "sasl-ntlm-form", .client, .error, "MS-NLMP §2.2.1",
        "The client's message has not the signature and number of the NTLM message that is due.",
        example: "C: AUTH NTLM YWJj")
    static let saslNTLMChallengeForm = Violation(
        "sasl-ntlm-challenge-form", .server, .error, "MS-NLMP §2.2.1",
        "The server's message has not the signature and number of the NTLM challenge, or is too short for one.",
        example: "C: AUTH NTLM TlRMTVNTUAABAAAAAAAAAA==\nS: 334 YWJj")
    static let saslNTLMField = Violation(
        "sasl-ntlm-field", .client, .attack, "MS-NLMP §2.2.1.3",
        "A field of the client's message points outside of it, where a careless server reads foreign memory.",
        example: "C: AUTH NTLM TlRMTVNTUAABAAAAAAAAAA==\nS: 334 TlRMTVNTUAACAAAA…\nC: TlRMTVNTUAADAAAAGAAYAP////8…")
    static let saslNTLMChallengeField = Violation(
        "sasl-ntlm-challenge-field", .server, .attack, "MS-NLMP §2.2.1.2",
        "A field of the server's challenge points outside of it, where a careless client reads foreign memory.",
        example: "C: AUTH NTLM TlRMTVNTUAABAAAAAAAAAA==\nS: 334 TlRMTVNTUAACAAAAEAAQAP////8…")

    /// What SASL exchanges can break.
    package static let sasl: [Violation] = [
        saslBadBase64, saslPaddingInside, saslPadBits, saslChallengeBadBase64, saslLineTooLong, saslInitialResponse,
        saslFirstChallengeNotEmpty, saslUnexpectedChallenge, saslChallengeAfterCancel, saslFinalResponseNotEmpty,
        saslPlainForm, saslPlainNoAccount, saslPlainNoPassword, saslPlainNUL, saslPlainLongField, saslPlainNotUTF8,
        saslCRAMChallengeForm, saslCRAMResponseForm, saslCRAMDigestForm, saslSCRAMForm, saslSCRAMChallengeForm,
        saslSCRAMNameEscape, saslSCRAMExtension, saslSCRAMServerExtension, saslSCRAMNonceNotExtended,
        saslSCRAMNonceChanged, saslSCRAMBindingFlag, saslSCRAMBindingChanged, saslSCRAMFewIterations,
        saslDigestChallengeForm, saslDigestHTTPDirective, saslDigestChallengeTooLong, saslDigestResponseForm,
        saslDigestResponseTooLong, saslDigestResponseHash, saslDigestNonceChanged, saslDigestNonceCount,
        saslDigestQopNotOffered, saslDigestProofForm, saslBearerForm, saslBearerErrorForm,
        saslBearerErrorUnacknowledged, saslExternalIdentity, saslAnonymousTrace, saslNTLMForm, saslNTLMChallengeForm,
        saslNTLMField, saslNTLMChallengeField,
    ]
}
