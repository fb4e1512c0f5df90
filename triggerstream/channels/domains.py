"""Names of hosts as protocols carry them: in ASCII.

IDNA 2008 by way of UTS 46, non-transitional: what browsers, registries and mail servers read.
Python's own codec ``idna`` is IDNA 2003, by which some names are somebody else's (``straße`` is
``strasse``). Sockets and TLS use that codec, and URLs fall back on it, so that no name beyond ASCII
may be left to them.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

import idna

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_LONGEST = 253
_ENCODED = "xn--"


def ascii_domain(found: str) -> str | None:
    """Return *found* in ASCII and lower case, or ``None`` if it is no valid domain.

    What is valid: labels of letters, digits and inner hyphens, at most 253 characters, no dot at
    the end; each label beyond ASCII, and each that claims to stand for one (``xn--``), as IDNA
    2008 has it.
    """
    try:
        domain = ".".join(map(_label, _mapped(found).split(".")))
    except UnicodeError:
        return None
    valid = len(domain) <= _LONGEST and all(map(_LABEL.fullmatch, domain.split(".")))
    return domain if valid else None


def ascii_host(found: str) -> str | None:
    """Return *found*, the name or the address of a host in settings, in ASCII; else ``None``.

    A name in ASCII is left as it is, since private names keep rules of their own
    (``mail_server``): labels of letters, digits, hyphens and underscores, with the lengths of
    domains. Sockets answer other lengths with an exception that is no `OSError`. One beyond ASCII
    is a domain, all of which people can see. A dot at the end, which says that nothing may be
    added, is kept.
    """
    name = found.removesuffix(".")
    if name.isascii():
        valid = len(name) <= _LONGEST and _HOST.fullmatch(name)
        return found if valid or _is_ipv6(found) else None
    domain = None if hides_something(name) else ascii_domain(name)
    return None if domain is None else domain + found[len(name) :]


def hides_something(found: str) -> bool:
    """Return whether *found* has characters that UTS 46 drops silently, such as a soft hyphen."""
    return not all(map(_is_kept, found))


def _is_kept(character: str) -> bool:
    try:
        return bool(_mapped(character))
    except UnicodeError:
        return True  # it is no character of a domain, which is another fault


def _mapped(found: str) -> str:
    return idna.uts46_remap(found, std3_rules=True, transitional=False)


def _is_ipv6(found: str) -> bool:
    try:
        IPv6Address(found)
    except ValueError:
        return False
    return True


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
