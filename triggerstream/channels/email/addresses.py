"""E-mail addresses: which we send to, and from."""

from __future__ import annotations

import re
from email.headerregistry import Address

from triggerstream.channels.domains import ascii_domain

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_NAMED = re.compile(r"(?P<name>[^\r\n]*)<(?P<mailbox>[^<>]*)>")
_QUOTED = re.compile(r'"(?P<inside>(?:[^"\\]|\\.)*)"')


def mailbox(found: object) -> str | None:
    """Return *found* as an address that a mail command can carry, or ``None`` if it is none.

    That is an ASCII local part of at most 64 characters, without quotes, and a domain of at
    least two labels, which is put into its ASCII form (`ascii_domain`); 254 characters at most.
    No top-level domain is a number: ``root@127.0.0.1`` would be for the mail server's own host.
    """
    if not isinstance(found, str) or len(found) > 254:
        return None
    local, _, name = found.strip(" ").rpartition("@")
    if len(local) > 64 or not _LOCAL.fullmatch(local):
        return None
    if "=?" in local:
        return None  # readers of headers would decode it, and see another address
    domain = ascii_domain(name)
    if domain is None or "." not in domain or domain.rpartition(".")[2].isdigit():
        return None
    address = f"{local}@{domain}"
    return address if len(address) <= 254 else None


def named_mailbox(found: str) -> Address | None:
    """Return ``Name <address>`` or ``address``, or ``None`` if the address is none.

    The name is literal text. Quotes around the whole of it are not part of it, and a backslash
    inside of these stands for the character behind it; several spaces are one, as in any name of
    a mail.
    """
    text = found.strip(" ")
    name, spec = "", text
    if named := _NAMED.fullmatch(text):
        name, spec = named["name"].strip(" "), named["mailbox"]
        if quoted := _QUOTED.fullmatch(name):
            name = re.sub(r"\\(.)", r"\1", quoted["inside"])
    address = mailbox(spec)
    if address is None:
        return None
    local, _, domain = address.rpartition("@")
    return Address(" ".join(filter(None, name.split(" "))), local, domain)
