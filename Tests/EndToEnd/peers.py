"""The real servers: Dovecot (IMAP, POP3, LMTP, SASL) and Postfix (SMTP), each with its own configuration and folders.

Nothing of the machine's own configuration is read or written. Mail belongs to the unprivileged user `nobody`; both need
root to start, because they change to users of their own. Postfix asks Dovecot who may log in and delivers into its
Maildirs, so that a message sent over SMTP is read over IMAP and POP3."""

import contextlib
import grp
import os
import pathlib
import pwd
import shutil
import signal

from processes import HOST, Process, checked, free_port, listening, until

DOMAIN = "example.com"


class Account:
    """A user of the servers. `address` is the login and the mailbox."""

    def __init__(self, name, password):
        self.name = name
        self.address = f"{name}@{DOMAIN}"
        self.password = password

    def __repr__(self):
        return f"Account({self.name})"


class Accounts:
    """A supply of users that no other test has touched, each with a password that occurs nowhere else."""

    def __init__(self, count=1000):
        self.all = [Account(f"user{n:03}", f"korrekt.Pferd-{n * 7919 % 99991:05}") for n in range(count)]
        # One password with the two characters that IMAP's quoted strings must escape (RFC 9051 section 9).
        self.quoted = Account("quoted", 'ku"gel\\blitz-31')
        self.all.append(self.quoted)
        self._fresh = iter(self.all[:-1])

    def fresh(self):
        account = next(self._fresh, None)
        if account is None:
            raise RuntimeError("the tests have used up the supply of accounts: give it more")
        return account


class Certificate:
    """A key and a self-signed certificate for the servers' TLS."""

    def __init__(self, folder):
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        checked(
            [
                "/usr/bin/openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN=mx.{DOMAIN}",
                "-addext",
                f"subjectAltName=DNS:mx.{DOMAIN},IP:{HOST}",
                "-keyout",
                self.key,
                "-out",
                self.certificate,
            ]
        )


def require_root(what):
    if os.geteuid() != 0:
        raise AssertionError(f"{what} must be started as root: run the end-to-end tests as root")


class Dovecot:
    """IMAP, POP3, LMTP and the SASL service on free loopback ports, mail in Maildirs below `folder`."""

    def __init__(self, folder, accounts, certificate):
        require_root("Dovecot")
        self.folder = pathlib.Path(folder)
        self.accounts = accounts
        # Two ports speak IMAP: clients are sent to `imap`, the harness itself prepares and inspects mailboxes over
        # `side_door`, so that a capture of `imap` holds the clients' sessions only.
        self.imap, self.side_door, self.pop3, self.lmtp, self.sasl = (free_port() for _ in range(5))
        self.imaps, self.pop3s = free_port(), free_port()
        self.mail = self.folder / "mail"
        self.mail.mkdir(parents=True)
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("nobody")
        shutil.chown(self.mail, owner.pw_uid, owner.pw_gid)
        (self.folder / "state").mkdir()
        self._write_users()
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(self._configuration(owner, grp.getgrgid(owner.pw_gid).gr_name, certificate))
        self.process = Process(["/usr/sbin/dovecot", "-F", "-c", configuration], self.folder, "dovecot")
        try:
            self.process.wait_for(
                "Dovecot's ports",
                lambda: all(map(listening, (self.imap, self.side_door, self.pop3, self.lmtp, self.sasl))),
            )
        except AssertionError as failure:
            self.stop()
            raise AssertionError(f"{failure}\n{self.log()[-3000:]}") from None

    def _write_users(self):
        users = self.folder / "users"
        users.write_text("".join(f"{a.address}:{{PLAIN}}{a.password}\n" for a in self.accounts.all))
        users.chmod(0o644)

    def _configuration(self, owner, group, certificate):
        return f"""\
base_dir = {self.folder}/base
state_dir = {self.folder}/state
instance_name = mailproxy-tests
log_path = {self.folder}/dovecot.log
protocols = imap pop3 lmtp
listen = {HOST}
ssl = yes
ssl_cert = <{certificate.certificate}
ssl_key = <{certificate.key}
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 apop
auth_failure_delay = 0
auth_cache_size = 0
first_valid_uid = 1
mail_location = maildir:~/Maildir
rawlog_dir = %h/rawlog
mail_max_userip_connections = 0
maildir_very_dirty_syncs = no
mailbox_list_index = no
pop3_uidl_format = %08Xu%08Xv
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {self.folder}/users
}}
userdb {{
  driver = static
  args = uid={owner.pw_name} gid={group} home={self.mail}/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    address = {HOST}
    port = {self.imap}
  }}
  inet_listener imap-side-door {{
    address = {HOST}
    port = {self.side_door}
  }}
  inet_listener imaps {{
    address = {HOST}
    port = {self.imaps}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
}}
service pop3-login {{
  inet_listener pop3 {{
    address = {HOST}
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    address = {HOST}
    port = {self.pop3s}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
}}
service imap {{
  process_min_avail = 1
}}
service lmtp {{
  inet_listener lmtp {{
    address = {HOST}
    port = {self.lmtp}
  }}
}}
service anvil {{
  # Who guesses is not made to wait: the tests have no time for it.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener sasl {{
    address = {HOST}
    port = {self.sasl}
  }}
}}
protocol lmtp {{
  info_log_path = {self.folder}/dovecot.log
}}
"""

    def log(self):
        path = self.folder / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def home(self, account):
        return self.mail / account.name

    def save(self, account):
        """Keeps a copy of the user's mailboxes, UIDs included, for `restore`."""
        kept = self.folder / "saved" / account.name
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(exist_ok=True)
        checked(["cp", "-a", self.home(account), kept])

    def restore(self, account):
        """Puts the user's mailboxes back to what they were at `save`."""
        shutil.rmtree(self.home(account))
        checked(["cp", "-a", self.folder / "saved" / account.name, self.home(account)])

    def stop(self):
        self.process.stop()


class Postfix:
    """SMTP with CHUNKING, PIPELINING, SMTPUTF8 and AUTH on a free loopback port; delivers to Dovecot."""

    def __init__(self, folder, dovecot, certificate, more=""):
        """`more` is what else stands in main.cf."""
        require_root("Postfix")
        self.folder = pathlib.Path(folder)
        self.port, self.smtps = free_port(), free_port()
        self.queue = self.folder / "queue"
        self.data = self.folder / "data"
        for path in (self.queue, self.data):
            path.mkdir(parents=True)
        for path in (self.folder, self.queue):
            path.chmod(0o755)
        shutil.chown(self.data, "postfix")
        (self.folder / "mailboxes").write_text(
            "".join(f"{a.address} {a.name}/Maildir/\n" for a in dovecot.accounts.all)
        )
        (self.folder / "main.cf").write_text(self._main(dovecot, certificate) + more)
        (self.folder / "master.cf").write_text(self._master())
        self.process = Process(["/usr/sbin/postfix", "-c", self.folder, "start-fg"], self.folder, "postfix")
        try:
            self.process.wait_for("Postfix's port", lambda: listening(self.port))
        except AssertionError as failure:
            self.stop()
            raise AssertionError(f"{failure}\n{self.log()[-3000:]}") from None

    def _main(self, dovecot, certificate):
        owner = pwd.getpwnam("nobody")
        return f"""\
compatibility_level = 3.6
queue_directory = {self.queue}
data_directory = {self.data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {self.folder}
maillog_file = {self.folder}/postfix.log
multi_instance_name = postfix-mailproxy-tests
multi_instance_enable = yes
myhostname = mx.{DOMAIN}
mydestination =
alias_maps =
alias_database =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtputf8_enable = yes
message_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {dovecot.mail}
virtual_mailbox_maps = texthash:{self.folder}/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{owner.pw_uid}
virtual_gid_maps = static:{owner.pw_gid}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{HOST}:{dovecot.sasl}
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate.certificate}
smtpd_tls_key_file = {certificate.key}
smtpd_tls_auth_only = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
in_flow_delay = 0
default_destination_concurrency_limit = 8
"""

    def _master(self):
        services = [(f"{HOST}:{self.port}", "inet", "-", "smtpd")]
        services += [
            (name, "unix", "-", name)
            for name in (
                "cleanup",
                "rewrite",
                "bounce",
                "defer",
                "trace",
                "verify",
                "flush",
                "proxymap",
                "lmtp",
                "smtp",
                "error",
                "retry",
                "discard",
                "local",
                "virtual",
                "anvil",
                "scache",
                "showq",
                "tlsmgr",
            )
        ]
        programs = {"rewrite": "trivial-rewrite", "defer": "bounce", "trace": "bounce", "retry": "error"}
        lines = []
        for name, kind, wakeup, program in services:
            private = "n" if kind == "inet" or name in ("cleanup", "flush", "showq") else "-"
            limit = "0" if name in ("cleanup", "bounce", "defer", "trace", "flush") else "-"
            if name in ("anvil", "scache", "verify", "tlsmgr"):
                limit = "1"
            unprivileged = "n" if name in ("local", "virtual") else "-"
            lines.append(f"{name} {kind} {private} {unprivileged} n {wakeup} {limit} {programs.get(program, program)}")
        lines.append(f"{HOST}:{self.smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes")
        lines.append("pickup unix n - n 60 1 pickup")
        lines.append("qmgr unix n - n 300 1 qmgr")
        lines.append("postlog unix-dgram n - n - 1 postlogd")
        return "\n".join(lines) + "\n"

    def log(self):
        path = self.folder / "postfix.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        """Ends the master, whose process id stands in the queue's lock file: `postfix start-fg` waits for it and would
        leave it running. The master leads the process group of its daemons."""
        lock = self.queue / "pid" / "master.pid"
        if lock.exists():
            master = int(lock.read_text())
            with contextlib.suppress(ProcessLookupError):
                os.kill(master, signal.SIGTERM)
            with contextlib.suppress(AssertionError):
                until("Postfix's end", lambda: not self.process.running(), 10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master, signal.SIGKILL)
        self.process.stop()


class SMTPSink:
    """Postfix's own test server: takes any message and throws it away. For sessions by the thousand."""

    def __init__(self, folder, most_sessions=2500):
        self.port = free_port()
        self.process = Process(
            [
                "/usr/sbin/smtp-sink",
                "-u",
                "nobody",
                "-m",
                most_sessions,
                "-h",
                f"mx.{DOMAIN}",
                f"{HOST}:{self.port}",
                "4096",
            ],
            folder,
            "smtp-sink",
        )
        self.process.wait_for("smtp-sink's port", lambda: listening(self.port))

    def stop(self):
        self.process.stop()
