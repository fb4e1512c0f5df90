"""E-mail addresses: which we send to."""

from __future__ import annotations

import re

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def mailbox(found: object) -> str | None:
    """Return *found* as an address that a mail command can carry, or ``None`` if it is none.

    That is an ASCII local part of at most 64 characters, without quotes, and a host name of at
    least two labels; an international domain is put into its ASCII form.
    """
    if not isinstance(found, str) or len(found) > 254:
        return None
    local, _, domain = found.strip(" ").rpartition("@")
    if len(local) > 64 or not _LOCAL.fullmatch(local):
        return None
    try:
        host = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return None
    return f"{local}@{host}"
