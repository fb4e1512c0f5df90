"""Readers of header fields: those of the standard library, and a strict one of our own.

The strict one knows what RFC 5322 and RFC 2047 allow a writer, and nothing that readers forgive.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, NamedTuple

Read = Callable[[bytes], str]

_FIELD = re.compile(rb"([!-9;-~]+): (.*)\r\n", re.DOTALL)
_WORD = re.compile(r"=\?utf-8\?(?:b\?(?P<b>[A-Za-z0-9+/]+={0,2})|q\?(?P<q>[!->@-~]+))\?=")
_IN_NAME = re.compile(r"(?:[A-Za-z0-9!*+/_-]|=[0-9A-F]{2})+")
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_MAILBOX = re.compile(rf"(?:{_ATOM.pattern})(?:\.{_ATOM.pattern})*@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


class Named(NamedTuple):
    """A display name, and the address behind it."""

    name: str
    address: str


# ── the strict reader ───────────────────────────────────────────────────────────────────────


def unfolded(field: bytes) -> str:
    """Return the value of one field whose lines are all as they should be."""
    found = _FIELD.fullmatch(field)
    assert found, field
    lines = field.decode("ascii").removesuffix("\r\n").split("\r\n")
    assert all(re.fullmatch(r"[ -~]*[!-~]", line) for line in lines), lines
    assert all(re.match(r" [!-~]", line) for line in lines[1:]), lines
    assert max(map(len, lines)) <= 998
    for line in lines:
        if len(line) > 76:  # only what cannot be folded, and what is on a line with a name
            assert line.strip().count(" ") <= 1, line
            assert "=?utf-8?" not in line
    return found[2].decode("ascii").replace("\r\n", "")


def strict_text(field: bytes) -> str:
    """Read an unstructured field: encoded words, or text without any."""
    value = unfolded(field)
    return _words(value, _WORD) if "=?" in value else value


def strict_named(field: bytes) -> Named:
    """Read a field with one mailbox, with or without a name."""
    value = unfolded(field)
    phrase, spec = "", value
    if value.endswith(">"):
        phrase, _, spec = value[:-1].rpartition("<")
        assert phrase[-1:] in ("", " ")
        phrase = phrase[:-1]
    assert _MAILBOX.fullmatch(spec), spec
    assert "=?" not in spec
    return Named(_name(phrase), spec)


def _name(phrase: str) -> str:
    if "=?" in phrase:
        return _words(phrase, _IN_NAME)
    if not phrase.startswith('"'):
        assert not phrase or all(map(_ATOM.fullmatch, phrase.split(" "))), phrase
        return phrase
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', phrase), phrase
    return re.sub(r"\\(.)", r"\1", phrase[1:-1])


def _words(value: str, q: re.Pattern[str]) -> str:
    """Return what encoded words mean, each decoded by itself, without the spaces between them."""
    read = ""
    for word in value.split(" "):
        assert len(word) <= 75
        found = _WORD.fullmatch(word)
        assert found, word
        if found["b"]:
            read += b64decode(found["b"], validate=True).decode()
        else:
            assert q.fullmatch(found["q"]) or q is _WORD, word
            read += _unquoted(found["q"]).decode()
    return read


def _unquoted(q: str) -> bytes:
    return re.sub(
        rb"=([0-9A-F]{2})",
        lambda found: bytes([int(found[1], 16)]),
        q.replace("_", " ").encode("ascii"),
    )


# ── the standard library's ──────────────────────────────────────────────────────────────────


def modern_text(field: bytes, rules: Any = policy.default) -> str:
    header = _parsed(field, rules)
    assert not header.defects, header.defects
    return str(header)


def smtp_text(field: bytes) -> str:
    return modern_text(field, policy.SMTP)


def legacy_text(field: bytes) -> str:
    ((_, value),) = message_from_bytes(field + b"\r\n", policy=policy.compat32).items()
    return str(make_header(decode_header(str(value).replace("\r\n", ""))))


def modern_named(field: bytes) -> Named:
    header = _parsed(field, policy.default)
    assert not header.defects, header.defects
    (address,) = header.addresses
    return Named(address.display_name, address.addr_spec)


def legacy_named(field: bytes) -> Named:
    ((_, value),) = message_from_bytes(field + b"\r\n", policy=policy.compat32).items()
    name, spec = parseaddr(str(value).replace("\r\n", ""))
    return Named(str(make_header(decode_header(name))), spec)


def _parsed(field: bytes, rules: Any) -> Any:
    mail = message_from_bytes(field + b"\r\n", policy=rules)
    assert isinstance(mail, EmailMessage)
    assert mail.get_payload() == ""
    ((_, header),) = mail.items()
    return header


TEXT_READERS: dict[str, Read] = {
    "strict": strict_text,
    "default": modern_text,
    "SMTP": smtp_text,
    "compat32": legacy_text,
}
