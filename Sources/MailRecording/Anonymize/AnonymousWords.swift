// Words that stay: those of the protocols and their registries. They name nobody. A word is told by its mark only, as they are asked for often.

/// Sets of words that stay where a protocol, and no person, says them.
enum AnonymousWords {
    /// A number for a word, the same in any case.
    struct Mark: Sendable {
        private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

        mutating func add(_ glyph: Glyph) {
            value = (value ^ UInt64(glyph.digit)) &* 0x0000_0100_0000_01B3
            value = (value ^ UInt64(glyph.alphabet)) &* 0x0000_0100_0000_01B3
            value ^= value >> 29
        }

        static func of(_ word: some Collection<Glyph>) -> UInt64 {
            var mark = Mark()
            for glyph in word { mark.add(glyph) }
            return mark.value
        }

        static func of(_ text: String) -> UInt64 { of(ArraySlice(text.utf8)) }

        /// The mark of a text without its separators.
        static func of(_ text: ArraySlice<UInt8>) -> UInt64 {
            var mark = Mark()
            var index = text.startIndex
            while index < text.endIndex {
                let (glyph, width) = Glyph.next(text, at: index)
                if let glyph { mark.add(glyph) }
                index += width
            }
            return mark.value
        }
    }

    /// All words of a text.
    static func set(_ text: String) -> Set<UInt64> {
        var marks: Set<UInt64> = []
        for word in text.utf8.split(whereSeparator: { !isWord($0) }) { marks.insert(Mark.of(ArraySlice(word))) }
        return marks
    }

    private static func isWord(_ octet: UInt8) -> Bool {
        switch octet {
        case 48...57, 65...90, 97...122: true
        default: false
        }
    }

    /// Verbs, keywords, codes, capabilities, and the words of servers' texts.
    static let spoken = set(
        """
        EHLO HELO LHLO MAIL RCPT FROM TO DATA BDAT LAST RSET QUIT NOOP HELP VRFY EXPN AUTH STARTTLS TURN ETRN ATRN XCLIENT XFORWARD \
        SIZE BODY 7BIT 8BITMIME BINARYMIME SMTPUTF8 CHUNKING PIPELINING DSN ENHANCEDSTATUSCODES RET FULL HDRS ENVID NOTIFY NEVER \
        SUCCESS FAILURE DELAY ORCPT rfc822 utf8 DELIVERBY BY MTRK REQUIRETLS HOLDFOR HOLDUNTIL MT PRIORITY CONPERM CONNEG CHECKPOINT \
        RRVS LIMITS RCPTMAX MAILMAX FUTURERELEASE BURL imap ESMTP SMTP ESMTPS ESMTPA ESMTPSA LMTP LMTPS LMTPA UTF8SMTP UTF8SMTPS UTF8SMTPSA \
        NAME ADDR PORT PROTO LOGIN DESTADDR DESTPORT IDENT SOURCE ADDRR UNAVAILABLE TEMPUNAVAIL \
        USER PASS APOP STAT LIST RETR DELE TOP UIDL CAPA STLS OK ERR UTF8 LANG RESP CODES CODE EXPIRE IMPLEMENTATION SASL SYS TEMP PERM IN USE \
        CAPABILITY LOGOUT AUTHENTICATE ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE STATUS NAMESPACE APPEND IDLE DONE \
        CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE UID LSUB XLIST CHECK SORT THREAD ID COMPRESS DEFLATE UNAUTHENTICATE REPLACE \
        GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS ACL RIGHTS GETQUOTA SETQUOTA GETQUOTAROOT QUOTA QUOTAROOT STORAGE MESSAGE MESSAGES \
        GETMETADATA SETMETADATA METADATA MAXSIZE DEPTH LONGENTRIES TOOMANY NOPRIVATE ENTRIES shared private comment admin special use vendor \
        NOTIFY ESEARCH SEARCHRES ESORT CONTEXT UPDATE PARTIAL ADDTO REMOVEFROM CATENATE URLAUTH GENURLAUTH RESETKEY URLFETCH TEXT URL BINARY \
        MULTIAPPEND LITERAL LITERALPLUS UIDPLUS UIDONLY UIDNOTSTICKY CONDSTORE QRESYNC CHANGEDSINCE UNCHANGEDSINCE VANISHED EARLIER MODSEQ HIGHESTMODSEQ NOMODSEQ \
        MODIFIED UIDVALIDITY UIDNEXT UNSEEN RECENT EXISTS FLAGS PERMANENTFLAGS READ ONLY WRITE TRYCREATE ALERT PARSE BADCHARSET APPENDUID COPYUID \
        REFERRAL REFERRALS NEWNAME CLOSED OVERQUOTA ALREADYEXISTS NONEXISTENT NOPERM INUSE EXPUNGEISSUED CORRUPTION SERVERBUG CLIENTBUG CANNOT LIMIT \
        HASCHILDREN HASNOCHILDREN NOINFERIORS NOSELECT MARKED UNMARKED SUBSCRIBED REMOTE NONEXISTENT CHILDREN CHILDINFO EXTENDED RECURSIVEMATCH RETURN \
        AUTHENTICATIONFAILED AUTHORIZATIONFAILED EXPIRED PRIVACYREQUIRED CONTACTADMIN UNAVAILABLE NOTSAVED UNKNOWN CTE COMPRESSIONACTIVE USEATTR METADATA \
        IMAP IMAP4 IMAP4rev1 IMAP4rev2 UTF 8 ACCEPT ONLY APPEND SAVEDATE SAVED SAVEDBEFORE SAVEDSINCE SAVEDON OBJECTID EMAILID THREADID MAILBOXID PREVIEW LAZY SNIPPET FUZZY \
        STATUS LIST WITHIN YOUNGER OLDER FILTERS FILTER MESSAGELIMIT INPROGRESS JMAPACCESS INBOX TAG ANNOTATE ANNOTATION I18NLEVEL COMPARATOR LANGUAGE CONVERT \
        ENVELOPE BODY BODYSTRUCTURE PEEK HEADER FIELDS NOT MIME INTERNALDATE RFC822 SIZE ALL FAST FULL RELEVANCY SCORE X GM EXT 1 MSGID THRID LABELS RAW \
        ANSWERED BCC BEFORE CC DELETED DRAFT FLAGGED FROM KEYWORD LARGER NEW OLD ON OR SEEN SENTBEFORE SENTON SENTSINCE SINCE SMALLER SUBJECT UNANSWERED \
        UNDELETED UNDRAFT UNFLAGGED UNKEYWORD MIN MAX COUNT SAVE ALL ARRIVAL DATE REVERSE DISPLAY DISPLAYFROM DISPLAYTO ORDEREDSUBJECT REFERENCES REFS CHARSET US ASCII ISO 8859 \
        ARCHIVE DRAFTS JUNK SENT TRASH IMPORTANT FORWARDED MDNSENT SUBMITTED SUBMITPENDING PHISHING NOTJUNK NONJUNK NOTPHISHING \
        NIL YES NO BAD BYE PREAUTH SILENT SPECIAL CREATE INPROGRESS SERVERINFO XOIP \
        PLAIN CRAM MD5 DIGEST SCRAM SHA 1 256 512 PLUS EXTERNAL ANONYMOUS NTLM GSSAPI XOAUTH2 OAUTHBEARER XYMCOOKIE XAPPLEPUSHSERVICE OTP KERBEROS V4 GS2 KRB5 IR \
        THREAD ORDEREDSUBJECT REFERENCES LOGINDISABLED AUTHENTICATE INITIAL RESPONSE MAILBOX REFERRALS RIGHTS kxte texk \
        XNETSCAPE XVERSION XLIST XSENDER XSERVERINFO XAPPLE XYZZY XDUMMY \
        Postfix Exim Dovecot Sendmail Courier Cyrus Debian Ubuntu Microsoft Exchange Service Mail server ready at your service greets \
        hello pleased meet you welcome here go ahead end data with CR LF CRLF lines line by its own itself single dot period \
        ok okay queued as accepted message messages mail for delivery deferred bounced rejected denied refused blocked relay relaying access \
        recipient recipients sender address addresses user unknown no such local remote table mailbox mailboxes full exceeded over quota \
        syntax error errors command commands not implemented unrecognized unrecognised invalid bad sequence of argument arguments parameter parameters missing \
        authentication authenticated authenticate successful succeeded failed failure required credentials supported mechanism first \
        logged in out logging log on off login logout completed complete done closing connection channel transmission goodbye bye timeout idle too many \
        service temporarily unavailable try again later please come back soon internal software resources insufficient system storage \
        octets bytes total follow follows listing scan list deleted already marked removed maildrop has new have the a an and or is are was will be this that it to from in on of for \
        selected opened closed created read write only first unseen valid predicted next highest limited flags permitted uids expunge \
        search fetch store select status idling terminated continuation waiting entering continue begin tls starttls start negotiation now \
        signing disconnected disconnecting client host name domain helo greeting ssl session protocol protocols version more
        """)

    /// Field names, media types, parameters, encodings and what else MIME registers.
    static let mime = set(
        """
        text plain html css csv calendar xml richtext enriched rtf markdown multipart mixed alternative related digest parallel report signed encrypted form data \
        message rfc822 partial external body delivery status disposition notification global headers feedback header application octet stream pdf zip gzip x tar json \
        msword vnd openxmlformats officedocument wordprocessingml spreadsheetml presentationml document sheet presentation ms excel powerpoint oasis opendocument \
        pkcs7 mime signature pgp keys encrypted tnef download javascript image jpeg jpg png gif bmp tiff svg webp heic icon audio mpeg mp3 mp4 wav ogg video quicktime avi \
        font model example inline attachment charset us ascii utf 8 16 32 7 be le iso 8859 1 2 3 4 5 6 9 10 13 14 15 2022 jp kr cn windows cp 1250 1251 1252 1253 1254 1255 1256 1257 1258 koi8 r u \
        gb2312 gbk gb18030 big5 hkscs euc shift sjis jis latin1 latin macintosh unknown 8bit 7bit base64 quoted printable binary uuencode uue yenc \
        name filename boundary format flowed delsp yes no type start info micalg pgp sha1 sha256 sha384 sha512 md5 protocol method request publish reply cancel \
        size creation modification read date access url id number total report version smime signed certs only enveloped differences conversions lossless padding profile codecs component language \
        en de fr es it us gb
        """)

    /// Names of header fields, by their parts.
    static let fields = set(
        """
        From To Cc Bcc Subject Date Sender Reply Message ID In References Received Return Path Resent Delivered Envelope Original MIME Version Content Type Transfer Encoding \
        Disposition Description Location Language Base MD5 Length Lines Status X Mailer User Agent Priority MSMail Importance Precedence Auto Submitted Suppress List Unsubscribe Subscribe \
        Post Help Owner Archive Archived At Id Errors DKIM Signature DomainKey ARC Seal Authentication Results SPF Spam Flag Score Level Checker Report Keywords Comments Thread Topic Index \
        Organization Organisation Newsgroups Followup Face Autocrypt Originating IP Approved Expires Supersedes Sensitivity Encrypted Disposition Notification Options Delivery Deferred \
        Reporting MTA Final Recipient Action Diagnostic Code Remote Last Attempt Will Retry Until Arrival Arrival Abuse Complaints Feedback Virus Scanned Greylist Loop Been There Keywords \
        UIDL UID IMAP IMAPbase Mozilla Status2 Keys Account Key Draft Info Google Gm Message State Received Smtp Source MS Exchange Has Attach TNEF Correlator Forwarded For Apparently Sent \
        BIMI Selector Indicator VBR Require TLS TLS Required Jabber PGP OpenPGP Old Downgraded Accept Also Control Distribution Injection Cancel Lock Obsoletes Xref Summary
        """)

    /// Parts of dates.
    static let dates = set(
        """
        Mon Tue Wed Thu Fri Sat Sun Monday Tuesday Wednesday Thursday Friday Saturday Sunday Jan Feb Mar Apr May Jun Jul Aug Sep Sept Oct Nov Dec \
        January February March April June July August September October November December UT UTC GMT Z EST EDT CST CDT MST MDT PST PDT CET CEST BST MSK JST AM PM
        """)

    /// What trace fields say beside names.
    static let traces = set(
        """
        from by with via id for using cipher bits version helo HELO EHLO unknown verified not invoked uid network userid SMTP ESMTP ESMTPS ESMTPA ESMTPSA LMTP LMTPS LMTPA LMTPSA HTTP HTTPS \
        UTF8SMTP UTF8SMTPS UTF8SMTPA UTF8SMTPSA IMAP POP3 TCP UUCP local Postfix Exim Dovecot Sendmail Microsoft Exchange Server Mail Debian TLS TLSv1 SSLv3 1 2 3 TLS1 AES 128 256 GCM CBC SHA SHA1 SHA256 SHA384 \
        CHACHA20 POLY1305 ECDHE RSA ECDSA DHE X25519 P prime256v1 secp256r1 server signature digest client certificate requested No key exchange PSS may be forged envelope sender authenticated port
        """)

    /// Top-level domains that say nothing of a country or an owner.
    static let domains = set(
        "com org net edu gov mil int info arpa local localhost localdomain lan internal invalid test example onion")

    /// Ends of file names.
    static let extensions = set(
        """
        pdf doc docx docm dot xls xlsx xlsm csv ppt pptx odt ods odp rtf txt text md htm html xhtml xml json yaml yml eml msg ics vcf p7s p7m p7c asc sig pgp gpg cer crt pem key \
        png jpg jpeg gif bmp tif tiff svg webp heic ico mp3 wav ogg flac m4a mp4 mov avi mkv webm mpg mpeg zip gz tgz bz2 xz zst 7z rar tar jar iso dmg img exe dll scr bat cmd com pif js vbs ps1 sh apk msi \
        log bin dat db sql bak tmp ttf otf woff css c h py java swift rb go rs cpp
        """)

    /// Marks of replies and of what is passed on, before a subject's colon.
    static let replies = set("re fw fwd aw wg sv antw rif ref odp")

    /// Keys of SASL messages and of IMAP's ID.
    static let keys = set(
        """
        username realm nonce cnonce nc qop digest uri response charset utf 8 algorithm md5 sess auth int conf maxbuf cipher stale rspauth authzid user host port Bearer status schemes scope \
        n r s i c p v a m e y tls unique server end point exporter name version vendor os support url address date command arguments environment
        """)

    /// What servers ask for in the mechanism LOGIN.
    static let greetings = set("User Name Username Password Pass")

    /// What we say of sessions ourselves, in comments.
    static let own = set(
        """
        mailproxy left_out left out sealed session protocol route client server upstream upstream_tls tls start leg continued inflated end user tags opaque exchanges gaps secured exchange changed side haste clear \
        doubts kind time packet count overlap fragments checksum window midstream one sided \
        lost octets packets from to version cipher sni how distrust failure via peer destination null open closed reset timeout true false implicit starttls capture import rawlog swaks \
        openssl late relayed proxy socks5 transparent unix compress long line hold limit desynchronised gap not this security layer roles swapped goodbye capabilities login \
        TLSv1 SSLv3 TLS AES 128 256 GCM CCM CBC SHA256 SHA384 SHA CHACHA20 POLY1305 ECDHE ECDSA RSA smtp smtps submission submissions lmtp pop3 pop3s imap imaps fallback mock
        """)
}
