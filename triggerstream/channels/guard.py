"""Which addresses a webhook may dial: public ones, and what the operator allows.

It looks at the address when the socket is made, after every name has been resolved and every
spelling read, so there is nothing between the check and the use.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from triggerstream.channels.config import Network

AddressInfo = tuple[Any, ...]
"""(family, type, protocol, canonical name, socket address), as of `socket.getaddrinfo`."""

_NAT64 = IPv6Network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """The address is not one that a webhook may dial.

    Its text is the same for every address, so that it survives when several were tried.
    """

    def __init__(self) -> None:
        super().__init__("a webhook may dial public addresses and allowed networks only")


def guarded_sockets(allowed: Sequence[Network]) -> Callable[[AddressInfo], socket.socket]:
    """Return a maker of sockets that refuses addresses neither public nor in *allowed*."""

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_dial(address[0], allowed):
            raise ForbiddenAddressError
        return socket.socket(family=family, type=kind, proto=protocol)

    return make


def may_dial(host: str, allowed: Sequence[Network]) -> bool:
    """Return whether *host*, a numeric address, is public, or in one of *allowed*."""
    address = _unwrapped(ip_address(host.partition("%")[0]))
    if any(address.version == network.version and address in network for network in allowed):
        return True
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one carries, if it carries one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
