"""Which addresses a webhook may dial: public ones, and what the operator allows.

It looks at the address when the socket is made, after every name has been resolved and every
spelling read, so there is nothing between the check and the use: a name that is resolved again
is judged again.

What is public is said by a table of our own. The one in Python's `ipaddress` differs between patch
releases, and its ``is_global`` lets through what no registry calls public, such as ``fec0::1``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from triggerstream.channels.config import Network

AddressInfo = tuple[Any, ...]
"""(family, type, protocol, canonical name, socket address), as of `socket.getaddrinfo`."""

_UNICAST = (
    ip_network("0.0.0.0/0"),
    ip_network("2000::/3"),  # all global unicast that is given out: RFC 4291, 2.4
)
SPECIAL: tuple[Network, ...] = (
    # IANA's registries of special-purpose addresses (RFC 6890), whole: also those few entries that
    # the registry calls globally reachable, since nobody's receiver stands in them.
    ip_network("0.0.0.0/8"),  # this network
    ip_network("10.0.0.0/8"),  # private
    ip_network("100.64.0.0/10"),  # shared, behind a carrier's NAT
    ip_network("127.0.0.0/8"),  # loopback
    ip_network("169.254.0.0/16"),  # link-local, and clouds' metadata
    ip_network("172.16.0.0/12"),  # private
    ip_network("192.0.0.0/24"),  # protocol assignments
    ip_network("192.0.2.0/24"),  # documentation
    ip_network("192.31.196.0/24"),  # AS112
    ip_network("192.52.193.0/24"),  # AMT
    ip_network("192.88.99.0/24"),  # relays of 6to4, given up
    ip_network("192.168.0.0/16"),  # private
    ip_network("192.175.48.0/24"),  # AS112
    ip_network("198.18.0.0/15"),  # benchmarks
    ip_network("198.51.100.0/24"),  # documentation
    ip_network("203.0.113.0/24"),  # documentation
    ip_network("224.0.0.0/4"),  # multicast (a registry of its own)
    ip_network("240.0.0.0/4"),  # reserved, and broadcast
    # Of 2000::/3; all that IPv6 has outside of it is refused anyway.
    ip_network("2001::/23"),  # protocol assignments
    ip_network("2001:db8::/32"),  # documentation
    ip_network("2002::/16"),  # 6to4, which is judged by the address inside
    ip_network("2620:4f:8000::/48"),  # AS112
    ip_network("3fff::/20"),  # documentation (RFC 9637)
)
_NAT64 = IPv6Network("64:ff9b::/96")

_WORDS = (
    "a webhook may dial public addresses, and networks that "
    "TRIGGERSTREAM_SENDER__ALLOW_NETWORKS names"
)


class ForbiddenAddressError(OSError):
    """The address is not one that a webhook may dial.

    Its text is the same for every address, so that it survives when several were tried.

    Attributes:
        host: The address.
    """

    def __init__(self, host: str) -> None:
        super().__init__(_WORDS)
        self.host = host


def guarded_sockets(allowed: Sequence[Network]) -> Callable[[AddressInfo], socket.socket]:
    """Return a maker of sockets that refuses addresses neither public nor in *allowed*."""

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_dial(address[0], allowed):
            raise ForbiddenAddressError(address[0])
        return socket.socket(family=family, type=kind, proto=protocol)

    return make


def may_dial(host: str, allowed: Sequence[Network]) -> bool:
    """Return whether *host*, a numeric address, is public, or in one of *allowed*.

    An IPv6 address that carries IPv4 ones is what these are. What is no address is not dialled.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return all(_is_in(each, allowed) or _is_public(each) for each in _carried(address))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return _is_in(address, _UNICAST) and not _is_in(address, SPECIAL)


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address.version == each.version and address in each for each in networks)


def _carried(address: IPv4Address | IPv6Address) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the IPv4 addresses that an IPv6 one carries, or the address itself."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    if address.teredo is not None:
        return address.teredo  # the relay, and the far side: packets go to both
    return (address.ipv4_mapped or address.sixtofour or address,)
