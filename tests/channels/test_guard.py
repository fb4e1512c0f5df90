"""Which addresses a webhook may dial."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from triggerstream.channels.guard import may_dial


@pytest.mark.parametrize("host", ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111"])
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
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
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
