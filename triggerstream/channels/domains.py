"""Names of hosts as protocols carry them: in ASCII.

IDNA 2008 by way of UTS 46, non-transitional: what browsers, registries and mail servers read.
Python's own codec ``idna`` is IDNA 2003, by which some names are somebody else's (``straße`` is
``strasse``). Sockets and TLS use that codec, and URLs fall back on it, so that no name beyond ASCII
may be left to them.
"""

from __future__ import annotations

import re

import idna

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ENCODED = "xn--"


def ascii_domain(found: str) -> str | None:
    """Return *found* in ASCII and lower case, or ``None`` if it is no valid domain.

    What is valid: labels of letters, digits and inner hyphens, at most 253 characters, no dot at
    the end; each label beyond ASCII, and each that claims to stand for one (``xn--``), as IDNA
    2008 has it.
    """
    try:
        domain = ".".join(map(_label, idna.uts46_remap(found).split(".")))
    except UnicodeError:
        return None
    valid = len(domain) <= 253 and all(map(_LABEL.fullmatch, domain.split(".")))
    return domain if valid else None


def ascii_host(found: str) -> str | None:
    """Return *found*, a host's name or number, in ASCII; ``None`` if that is not possible.

    What is ASCII is left as it is: private names keep rules of their own (``mail_server``). A dot
    at the end, which says that nothing may be added, is kept.
    """
    if found.isascii():
        return found
    name = found.removesuffix(".")
    domain = ascii_domain(name)
    return None if domain is None else domain + found[len(name) :]


def _label(label: str) -> str:
    """Return one label in ASCII.

    Raises:
        UnicodeError: IDNA 2008 does not allow it.
    """
    if not label.startswith(_ENCODED):
        # In ASCII its own rules hold: IDNA refuses ``ab--cd``, which has always been a name.
        return label if label.isascii() else idna.alabel(label).decode("ascii")
    # Releases of idna that we allow differ in whether they see another spelling of the same.
    if (same := idna.alabel(idna.ulabel(label)).decode("ascii")) != label:
        raise UnicodeError(f"a label in its only spelling is required; {label!r} is {same!r}")
    return label
