"""The report of a day of mixed mail: every format from every kind of input, and what a page must and must not hold."""

import base64
import collections
import csv
import html.parser
import io
import json

import pytest

import mixed_day
import pcap
from mailproxy import command
from processes import checked

FOUND = 1
SECTIONS = ["first", "figures", "findings", "accounts", "clients", "servers", "tls", "credentials", "messages", "method"]
TABLES = ["findings", "credentials", "messages", "clients", "servers", "tls", "accounts"]
# Elements without an end (HTML Living Standard, 13.1.2).
VOID = {"meta", "br", "link", "img", "input", "hr"}


@pytest.fixture(scope="module")
def day(servers, module_scratch):
    """The capture of the day and the accounts of it."""
    dovecot, postfix = servers.dovecot, servers.postfix
    ports = [dovecot.imap, dovecot.imaps, dovecot.pop3, postfix.port]
    capture = pcap.Capture(module_scratch, ports)
    accounts = mixed_day.spend(servers)
    capture.all_closed(*ports)
    return capture.stop(), accounts


@pytest.fixture(scope="module")
def inputs(day, module_scratch):
    """The same day as pcap, pcapng and recording."""
    path, _ = day
    other, record = module_scratch / "day.pcapng", module_scratch / "day.record"
    checked(["/usr/bin/editcap", "-F", "pcapng", path, other])
    command("capture", "-r", path, "--record-dir", record, status=0)
    return {"pcap": path, "pcapng": other, "record": record}


def audit(*arguments, status=FOUND, **more):
    return command("audit", *arguments, status=status, **more).stdout.decode()


def report(source, *options, **more):
    return json.loads(audit(source, "--format", "json", "--fail-on", "info", *options, **more))


class Page(html.parser.HTMLParser):
    """What is in a page, and whether its elements close as they open."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.links, self.labels = collections.Counter(), [], [], []
        self.attributes, self.heads, self.text, self._open = set(), [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "action", "data", "poster", "srcset"):
                self.links.append(value)
            if name == "aria-labelledby":
                self.labels += value.split()
        if tag == "th":
            self.heads.append(dict(attrs).get("scope"))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open and self._open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        self.text.append(data)


def forms(secret):
    """A secret in the forms in which it may hide."""
    octets = secret.encode()
    return [secret, octets.hex()] + [base64.b64encode(bytes(n) + octets).decode()[2 * n + 1 : -4] for n in range(3)]


def test_the_page(day):
    path, accounts = day
    text = audit(path, "--format", "html", "--deep")
    page = Page(text)
    assert page.tags["script"] == page.tags["iframe"] == page.tags["link"] == page.tags["img"] == 0
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    assert len(page.ids) == len(set(page.ids)) and set(SECTIONS) <= set(page.ids)
    assert page.links and all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert page.labels and set(page.labels) <= set(page.ids)
    assert page.heads and set(page.heads) == {"col"}
    assert page.tags["h1"] == 1 and page.tags["title"] > 4 and page.tags["desc"] == 4
    words = "".join(page.text)
    hidden = accounts[-2]
    for account in accounts:
        # Who used TLS alone is not known to anybody on the way.
        assert (account.address in words) == (account is not hidden)
        for form in forms(account.password):
            assert form not in text
    for word in ("Postfix", "Dovecot", "smtpd_tls_auth_only = yes", "mailproxy audit", path.name, mixed_day.STRANGER):
        assert word in words
    for code in ("credentials-in-clear", "tls-offered-not-used", "brute-force"):
        assert f"f-{code}" in page.ids, sorted(page.ids)


def test_secrets_are_revealed_only_with_a_warning(day):
    path, accounts = day
    text = audit(path, "--format", "html", "--reveal")
    assert "This report holds secrets" in text and accounts[0].password in text
    assert "secret" in audit(path, "--format", "csv", "--table", "credentials", "--reveal").splitlines()[0].split(",")


def test_every_input_gives_the_same(day, inputs):
    path, accounts = day
    found = {name: report(source) for name, source in inputs.items()}
    found["stdin"] = report("-", stdin=path.read_bytes())

    def codes(name):
        return {row["code"]: row["count"] for row in found[name]["findings"]}

    assert codes("pcap") == codes("pcapng") == codes("stdin")
    wanted = [(row["account"], row["mechanism"], row["outcome"]) for row in found["pcap"]["credentials"]]
    for name in ("pcapng", "stdin", "record"):
        assert [(row["account"], row["mechanism"], row["outcome"]) for row in found[name]["credentials"]] == wanted
    assert codes("record")["credentials-in-clear"] == codes("pcap")["credentials-in-clear"]
    for name in found:
        places = [place for row in found[name]["findings"] for place in row["evidence"]]
        shown = [place["excerpt"] for place in places if place["excerpt"]]
        assert shown and all(len(lines) <= 6 for lines in shown)
        text = json.dumps(found[name])
        assert not [account for account in accounts for form in forms(account.password) if form in text]


@pytest.mark.parametrize("name", ["pcap", "pcapng", "record"])
def test_every_format_of_every_input(inputs, name):
    source = inputs[name]
    assert audit(source).startswith("Verdict: ")
    assert set(SECTIONS) <= set(Page(audit(source, "--format", "html")).ids)
    log = json.loads(audit(source, "--format", "sarif"))
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0" and run["results"] and len(rules) == len(set(rules))
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    for table in TABLES:
        head, *rows = list(csv.reader(io.StringIO(audit(source, "--format", "csv", "--table", table), newline="")))
        assert rows and all(len(row) == len(head) for row in rows)
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_status_and_baseline(day, inputs, scratch):
    path, _ = day
    old, page = scratch / "old.json", scratch / "page.html"
    worst = report(path)["verdict"]
    audit(path, "--fail-on", "never", "--format", "json", "-o", old, status=0)
    audit(path, "--fail-on", worst, status=FOUND)
    if worst != "critical":
        audit(path, "--fail-on", "critical", status=0)
    audit(path, "--baseline", old, "--format", "html", "-o", page)
    assert "Nothing changed." in page.read_text() and "changes" in Page(page.read_text()).ids
    # A file that is there is not replaced unless that is said.
    audit(path, "--format", "html", "-o", page, status=(2, 3, 4))
    audit(path, "--format", "html", "-o", page, "--force")
    first = scratch / "first.json"
    time = sorted(row["time"] for row in json.loads(old.read_text())["credentials"])[1]
    first.write_text(audit(inputs["record"], "--until", time, "--format", "json", "--fail-on", "never", status=0))
    states = {row["change"] for row in report(path, "--baseline", first)["changes"]}
    assert "new" in states
    log = json.loads(audit(path, "--baseline", first, "--format", "sarif"))
    assert all("baselineState" in result for result in log["runs"][0]["results"])


def test_kinds_are_listed_and_explained():
    lines = audit("--list-findings", status=0).splitlines()
    assert len(lines) > 60 and lines[0].split()[1] in ("info", "low", "medium", "high", "critical")
    assert "CVE-2011-0411" in audit("--explain", "starttls-injection", status=0)
    assert b"--list-findings" in command("audit", "--explain", "no-such-code", status=2).stderr
    assert b"--markdown" in command("audit", "--markdown", status=2).stderr
    rows = [json.loads(line) for line in audit("--list-findings", "--format", "json", status=0).splitlines()]
    assert [row["code"] for row in rows] == [line.split()[0] for line in lines]
