"""What an endpoint's settings say, read strictly and once: the URL to dial, and the key that signs.

What is wrong with them would otherwise be found by the receiver, with every single delivery.
"""

from __future__ import annotations

import base64
import re
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

from yarl import URL

from triggerstream.channels.domains import ascii_host, hides_something

_AUTHORITY = re.compile(
    r"(?P<user>[^@]*@)?"
    r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<name>[^@:\[\]]+))"
    r"(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
_AS_WRITTEN = "!#$%&'()*+,-./:;=?@[]_~"
"""What a URL may hold beside letters and digits (RFC 3986)."""

_PREFIX = "whsec_"
_OTHER_KINDS = ("whsk_", "whpk_")
"""A private and a public key of ed25519, for signatures ``v1a``, which we do not make."""
_KEY_BYTES = range(24, 65)


def url_of(text: str) -> URL:
    """Return *text* as it is dialled: its host in ASCII, all behind it as it was written.

    yarl would put the rest into a form of its own, and what a receiver made of its URL, such as a
    signature over it, would no longer hold.

    Raises:
        ValueError: It cannot be dialled; the message says why.
    """
    if re.search(r"[\x00-\x20\x7f\\]|\s", text):
        raise ValueError("it has a space, a control character or a backslash in it")
    try:
        parts = urlsplit(text)
    except ValueError:  # whose words would repeat a password
        raise ValueError("its host is none") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("it does not begin with http:// or https://")
    found = _AUTHORITY.fullmatch(parts.netloc)
    if found is None:
        raise ValueError("it has no host, or none with a port behind it")
    port = found["port"]
    if port is not None and not 1 <= int(port) <= 65535:
        raise ValueError("its port is not from 1 to 65535")
    host = f"[{IPv6Address(found['ipv6'])}]" if found["ipv6"] else _host(found["name"])
    user = quote(found["user"] or "", safe=_AS_WRITTEN)
    query = f"?{parts.query}" if parts.query else ""
    rest = quote((parts.path or "/") + query, safe=_AS_WRITTEN)
    return URL(f"{parts.scheme}://{user}{host}{f':{port}' if port else ''}{rest}", encoded=True)


def _host(name: str) -> str:
    """Return the host that *name* is in the DNS.

    yarl falls back to IDNA 2003 where IDNA 2008 says no, and in IDNA 2003 ``ß`` is ``ss``: another
    domain, which may be somebody else's. Here a name that is not valid is no host.

    Raises:
        ValueError: It is none.
    """
    host = ascii_host(name)
    if host is None and hides_something(name):
        raise ValueError("its host has characters in it that nobody can see")
    if host is None:
        raise ValueError("its host is no host name, and no international domain")
    return host.lower()  # '0x7f.1' and the like are for the guard to judge


def shown(url: str) -> str:
    """Return of *url* what is no secret: neither user and password, nor path and query."""
    head = re.match(r"(?:[^/?#]*//)?[^/?#]*", url)
    scheme, _, rest = (head[0] if head else "").rpartition("//")
    return f"{scheme}{'//' if scheme else ''}{rest.rpartition('@')[2]}"[:80]


def key_of(secret: str) -> bytes:
    """Return the key that *secret* spells, strictly: the library drops what is not base64.

    Raises:
        ValueError: It spells none; the message says what was found, and nothing of the secret.
    """
    if not secret.startswith(_PREFIX):
        kind = secret[:5]
        raise ValueError(f"a key for {kind!r}" if kind in _OTHER_KINDS else "no such prefix")
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one
        key = b""
    if not text or base64.b64encode(key).decode("ascii") != text:
        raise ValueError("text that is not base64 behind it")
    if len(key) not in _KEY_BYTES:
        raise ValueError(f"{len(key)} bytes")
    return key
