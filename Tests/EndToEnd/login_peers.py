"""What the tests of swapped logins share: a provider that takes tokens only, a command that gives them, files of credentials."""

import base64
import contextlib
import http.server
import json
import pathlib
import threading
import urllib.parse

import peers
from mailproxy import segments
from processes import HOST

LOCAL = "what the old client has"


class TokenEndpoint:
    """Says whose a token is, as an OAuth provider's page does (RFC 7662 in the form of Google's tokeninfo)."""

    def __init__(self):
        self.users, self.asked = {}, []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                token = urllib.parse.unquote(self.path.partition("access_token=")[2])
                endpoint.asked.append(token)
                user = endpoint.users.get(token)
                body = json.dumps({"email": user} if user else {"error": "invalid_token"}).encode()
                self.send_response(200 if user else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Provider(peers.Dovecot):
    """Dovecot and its SASL service as modern providers are: XOAUTH2 and OAUTHBEARER, and no password."""

    def __init__(self, folder, accounts, certificate, endpoint):
        self.endpoint = endpoint
        super().__init__(folder, accounts, certificate)

    def _configuration(self, *arguments):
        page = self.folder / "oauth2.conf"
        page.write_text(
            f"tokeninfo_url = http://{HOST}:{self.endpoint.port}/?access_token=\n"
            "username_attribute = email\nintrospection_mode =\n"
        )
        text = super()._configuration(*arguments)
        text = text.replace("auth_mechanisms = plain login cram-md5 apop", "auth_mechanisms = xoauth2 oauthbearer")
        begin = text.index("passdb {")
        end = text.index("}", begin) + 2
        return text[:begin] + f"passdb {{\n  driver = oauth2\n  args = {page}\n}}\n" + text[end:]


class TokenProgram:
    """A program that prints the next of some tokens each time it is run, and counts."""

    def __init__(self, folder, *tokens, body=""):
        self.path, self.count = pathlib.Path(folder) / "token", pathlib.Path(folder) / "token-runs"
        for number, token in enumerate(tokens):
            (pathlib.Path(folder) / f"token-{number}").write_text(token)
        self.path.write_text(
            "#!/bin/sh\n"
            f"cd '{folder}'\n"
            'echo "$@" >> token-runs\n'
            "runs=$(wc -l < token-runs)\n"
            f"{body}\n"
            f"last={len(tokens) - 1}\n"
            "number=$((runs - 1)); [ $number -gt $last ] && number=$last\n"
            "cat token-$number\n"
        )
        self.path.chmod(0o755)

    @property
    def runs(self):
        return self.count.read_text().splitlines() if self.count.exists() else []


def credentials(folder, *logins, name="credentials.yaml", mode=0o600):
    """A file of credentials; each login as a dictionary. JSON is YAML."""
    path = pathlib.Path(folder) / name
    path.write_text(json.dumps({"logins": list(logins)}))
    path.chmod(mode)
    return path


def password_login(account, **more):
    """The client says `LOCAL`, the upstream gets the account's own password."""
    return {"user": account.address, "password": LOCAL, "upstream": {"password": account.password, **more}}


def token_login(account, program, mechanism="xoauth2", **more):
    return {
        "user": account.address,
        "password": LOCAL,
        "upstream": {"token": {"command": [str(program.path), account.name], "mechanism": mechanism, **more}},
    }


def forms(secret):
    """A secret in the forms in which it may be told: as it is, in base64 wherever it begins, in hexadecimal."""
    octets = secret.encode()
    found = {octets, octets.hex().encode(), octets.hex().upper().encode()}
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + octets)
        # The first and last digits hold bits of what stands beside it.
        found.add(coded[-(-before * 8 // 6) : len(coded) - 4])
    return found


def told(folder, *secrets):
    """The files below `folder` in which a secret stands in any form."""
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return [path for path in files for secret in secrets for form in forms(secret) if form in path.read_bytes()]
