"""Which addresses a webhook may dial."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.channels.http.guard import (
    SPECIAL,
    ForbiddenAddressError,
    guarded_sockets,
    may_dial,
)
from triggerstream.ops.settings import LEAVES

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1"]
REGISTRIES = [
    # IANA IPv4 and IPv6 Special-Purpose Address Registries, and multicast
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001:1::/32",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:1ff::/32",
    "2001:db8::/32",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_may_be_dialled(host: str) -> None:
    assert may_dial(host, ())


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - not to be dialled
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fe00::1",
        "feff::1",
        "fd00:ec2::254",
        "ff02::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_what_is_not_public_may_not(host: str) -> None:
    assert not may_dial(host, ())


def test_an_allowed_network_may_be_dialled_and_no_more() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/64"))

    assert may_dial("10.1.255.255", allowed)
    assert may_dial("::ffff:10.1.0.1", allowed)
    assert may_dial("fd00::1", allowed)
    assert not may_dial("10.2.0.0", allowed)
    assert not may_dial("fd00:0:0:1::1", allowed)


@pytest.mark.parametrize("network", REGISTRIES)
def test_no_end_of_a_registered_network_may_be_dialled(network: str) -> None:
    found = ip_network(network)

    assert not may_dial(str(found[0]), ())
    assert not may_dial(str(found[-1]), ())


@pytest.mark.parametrize(
    ("last_public", "first_special"),
    [
        ("9.255.255.255", "10.0.0.0"),
        ("100.63.255.255", "100.64.0.0"),
        ("126.255.255.255", "127.0.0.0"),
        ("169.253.255.255", "169.254.0.0"),
        ("172.15.255.255", "172.16.0.0"),
        ("191.255.255.255", "192.0.0.0"),
        ("192.0.1.255", "192.0.2.0"),
        ("192.167.255.255", "192.168.0.0"),
        ("198.17.255.255", "198.18.0.0"),
        ("198.51.99.255", "198.51.100.0"),
        ("203.0.112.255", "203.0.113.0"),
        ("223.255.255.255", "224.0.0.0"),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::"),
        ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::"),
        ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::"),
        ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::"),
    ],
)
def test_what_is_public_ends_where_a_special_network_begins(
    last_public: str, first_special: str
) -> None:
    assert int(ip_address(last_public)) + 1 == int(ip_address(first_special))
    assert may_dial(last_public, ())
    assert not may_dial(first_special, ())


@pytest.mark.parametrize(
    ("last_special", "first_public"),
    [
        ("0.255.255.255", "1.0.0.0"),
        ("10.255.255.255", "11.0.0.0"),
        ("100.127.255.255", "100.128.0.0"),
        ("127.255.255.255", "128.0.0.0"),
        ("169.254.255.255", "169.255.0.0"),
        ("172.31.255.255", "172.32.0.0"),
        ("192.0.0.255", "192.0.1.0"),
        ("192.168.255.255", "192.169.0.0"),
        ("198.19.255.255", "198.20.0.0"),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
        ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
        ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
    ],
)
def test_what_is_public_begins_where_a_special_network_ends(
    last_special: str, first_public: str
) -> None:
    assert int(ip_address(last_special)) + 1 == int(ip_address(first_public))
    assert not may_dial(last_special, ())
    assert may_dial(first_public, ())


CARRIERS = {
    "mapped": lambda v4: int(v4) | 0xFFFF << 32,
    "NAT64": lambda v4: int(v4) | 0x64FF9B << 96,
    "6to4": lambda v4: int(v4) << 80 | 0x2002 << 112 | 1,
    "Teredo's far side": lambda v4: int(v4) ^ 0xFFFF_FFFF | 0x08080808 << 64 | 0x20010000 << 96,
    "Teredo's relay": lambda v4: int(v4) << 64 | 0x20010000 << 96 | 0xF7F7F7F7,
}


@pytest.mark.parametrize("carrier", CARRIERS)
@given(st.ip_addresses(v=4))
def test_an_address_that_carries_another_is_judged_by_it(carrier: str, inside: IPv4Address) -> None:
    carrying = str(IPv6Address(CARRIERS[carrier](inside)))

    assert may_dial(carrying, ()) is may_dial(str(inside), ())


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_carries_an_allowed_address_may_be_dialled(carrier: str) -> None:
    carrying = str(IPv6Address(CARRIERS[carrier](IPv4Address("10.1.0.1"))))

    assert may_dial(carrying, (ip_network("10.1.0.0/16"),))
    assert not may_dial(carrying, (ip_network("10.2.0.0/16"),))


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("network", ["64:ff9b::/96", "2002::/16", "2001::/32", "::/0"])
def test_no_network_that_carries_others_opens_them_by_its_own_name(
    network: str, carrier: str
) -> None:
    carrying = str(IPv6Address(CARRIERS[carrier](IPv4Address("10.1.0.1"))))

    assert not may_dial(carrying, (ip_network(network),))


@pytest.mark.parametrize(
    "host", ["::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:1::808:808"]
)
def test_other_ways_to_carry_an_address_are_not_public(host: str) -> None:
    assert not may_dial(host, ())


@given(st.ip_addresses())
def test_we_are_never_laxer_than_this_pythons_own_table(
    address: IPv4Address | IPv6Address,
) -> None:
    carries = isinstance(address, IPv6Address) and (
        address.ipv4_mapped
        or address.sixtofour
        or address.teredo
        or address in ip_network("64:ff9b::/96")
    )

    if may_dial(str(address), ()) and not carries:
        assert address.is_global
        assert not address.is_multicast


def test_no_network_stands_in_the_table_twice() -> None:
    assert not [
        (one, other)
        for one in SPECIAL
        for other in SPECIAL
        if one is not other and one.version == other.version and one.overlaps(other)
    ]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "fe80::1%",
        "8.8.8.8%eth0",
        "127.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "8.8.8",
        "%",
        "8.8.8.8.",
        "[::1]",
    ],
)
def test_what_is_no_address_is_not_dialled(host: str) -> None:
    assert not may_dial(host, (ip_network("0.0.0.0/0"), ip_network("::/0")))


def test_a_zone_does_not_change_what_an_address_is() -> None:
    assert may_dial("fe80::1%eth0", (ip_network("fe80::/10"),))
    assert not may_dial("fe80::1%eth0", ())


def test_a_socket_is_made_for_a_public_address_only() -> None:
    make = guarded_sockets(())
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")

    make((*info, ("8.8.8.8", 443))).close()
    with pytest.raises(ForbiddenAddressError) as refused:
        make((*info, ("10.0.0.1", 443)))

    assert refused.value.host == "10.0.0.1"


def test_the_refusal_names_the_setting_that_would_allow_it() -> None:
    names = [name for name in LEAVES if name in str(ForbiddenAddressError("10.0.0.1"))]

    assert names == ["TRIGGERSTREAM_SENDER__ALLOW_NETWORKS"]
