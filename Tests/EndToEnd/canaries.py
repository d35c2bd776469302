"""Looks for secrets in all that a recording leaves: as they are, and in every form in which somebody may write them."""

import base64
import pathlib
import quopri
import subprocess
import tempfile
import urllib.parse

SHORTEST = 6


def _base64(octets, alphabet=None):
    """Its base64 wherever it begins, without the digits that hold bits of what stands beside it."""
    for before in range(3):
        digits = base64.b64encode(b"\0" * before + octets, alphabet)
        whole = (before + len(octets)) * 8 // 6
        yield digits[-(-before * 8 // 6) : whole]


def forms(secret):
    """{name of the form: octets}, of an exact form; and those that are looked for in either case."""
    exact, folded = {"plain": secret}, {"hex": secret.hex().encode()}
    for number, digits in enumerate(_base64(secret)):
        exact[f"base64 {number}"] = digits
    for number, digits in enumerate(_base64(secret, b"-_")):
        exact[f"base64url {number}"] = digits
    folded["percent"] = urllib.parse.quote_from_bytes(secret, safe="").encode()
    folded["all percent"] = b"".join(b"%%%02x" % octet for octet in secret)
    folded["quoted-printable"] = quopri.encodestring(secret).rstrip(b"=\n")
    folded["all quoted-printable"] = b"".join(b"=%02x" % octet for octet in secret)
    folded["hex with blanks"] = secret.hex(" ").encode()
    folded["escaped"] = b"".join(b"\\x%02x" % octet for octet in secret)
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return exact, folded
    for name in ("utf-16-le", "utf-16-be"):
        exact[name] = text.encode(name)
        for number, digits in enumerate(_base64(text.encode(name))):
            exact[f"{name} base64 {number}"] = digits
    exact["utf-7"] = text.encode("utf-7")
    exact["latin-1"] = text.encode("latin-1", errors="ignore")
    # RFC 9051 section 5.1 of its predecessor: "&" for "+", "," for "/".
    exact["modified utf-7"] = text.encode("utf-7").replace(b"&", b"&-").replace(b"+", b"&").replace(b"/", b",")
    exact["json"] = b"".join(b"\\u%04x" % ord(character) for character in text)
    return exact, folded


def contents(*places):
    """{name: octets} of all files below the places, packed ones as they unpack, too; text stands for itself."""
    found = {}
    for place in places:
        if isinstance(place, str):
            found[f"text {len(found)}"] = place.encode()
            continue
        place = pathlib.Path(place)
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if not path.is_file():
                continue
            try:
                octets = path.read_bytes()
            except FileNotFoundError:
                # Packed, or checkpointed, this very moment: under its new name it is looked at as well.
                continue
            found[str(path)] = octets
            if path.suffix == ".zst":
                done = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True)
                found[f"{path} unpacked"] = done.stdout
    return found


def _is_odd(octets):
    return b"\n" in octets or b"\0" in octets


def _may_have(needles, octets):
    """Any of them is there. grep looks for thousands at once; what it takes for the end of a line, or of a pattern, is not for it."""
    with tempfile.NamedTemporaryFile() as patterns:
        patterns.write(b"\n".join(needles))
        patterns.flush()
        done = subprocess.run(["grep", "-aFq", "-f", patterns.name], input=octets, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, capture_output=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def told(secrets, found):
    """[(secret, form, place)] of all that is there."""
    wanted = [(secret, *forms(secret)) for secret in secrets]
    exact = [(secret, form, octets) for secret, forms_, _ in wanted for form, octets in forms_.items() if len(octets) >= SHORTEST]
    either = [(secret, form, octets.lower()) for secret, _, forms_ in wanted for form, octets in forms_.items()]
    hits = []
    for name, octets in found.items():
        for needles, all_of_it in ((exact, octets), (either, octets.lower())):
            plain = [needle for needle in needles if not _is_odd(needle[2])]
            if plain and not _may_have([needle[2] for needle in plain], all_of_it):
                needles = [needle for needle in needles if _is_odd(needle[2])]
            hits += [(secret, form, name) for secret, form, needle in needles if needle in all_of_it]
    return hits
