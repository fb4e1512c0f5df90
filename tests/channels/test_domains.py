"""Names of hosts in ASCII, by IDNA 2008."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triggerstream.channels.domains import ascii_domain, ascii_host, hides_something


@pytest.mark.parametrize(
    ("found", "domain"),
    [
        # The four characters that IDNA 2003 reads otherwise.
        ("faß.de", "xn--fa-hia.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("ශ්‍රී.com", "xn--10cl1a0b660p.com"),
        ("نامه‌ای.com", "xn--mgba3gch31f060k.com"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("BÜCHER.Example", "xn--bcher-kva.example"),
        ("\uff53\uff48\uff4f\uff50.example", "shop.example"),
        ("XN--Strae-OQA.example", "xn--strae-oqa.example"),
        ("ab--cd.bücher.example", "ab--cd.xn--bcher-kva.example"),
        ("1.2.example", "1.2.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 49] * 5 + ["bcd"]), ".".join(["a" * 49] * 5 + ["bcd"])),
    ],
)
def test_domains(found: str, domain: str) -> None:
    assert ascii_domain(found) == domain


@pytest.mark.parametrize(
    "found",
    [
        "",
        ".",
        "shop.example.",
        "shop..example",
        "-shop.example",
        "shop-.example",
        "my_shop.example",
        "shop.example:25",
        "sh op.example",
        "sh\uff0fop.example",  # a wide slash, which would be mapped to one
        "℀.example",  # likewise, to a/c
        "☃.example",  # IDNA 2003 had it
        "a\u200db.example",  # a joiner that joins nothing
        "\u0301a.example",
        "אa.example",  # letters of both directions in one label
        "xn--.example",
        "xn--zzzzzz.example",
        "xn--shop-.example",
        "xn---bbk.example",  # another spelling of xn--bbk
        "xn--strasse-.example",
        "\ud800.example",
        "a" * 64 + ".example",
        "ü" * 58 + ".example",
        ".".join(["a" * 49] * 5 + ["bcde"]),  # 254 characters
    ],
)
def test_what_is_no_domain_is_never_another_one(found: str) -> None:
    assert ascii_domain(found) is None


@given(st.text(st.characters(), max_size=80))
@example("a." * 5000)
def test_a_domain_is_ascii_and_stays_the_same_or_there_is_none(found: str) -> None:
    domain = ascii_domain(found)

    if domain is not None:
        assert re.fullmatch(r"[a-z0-9.-]+", domain)
        assert ascii_domain(domain) == domain


@pytest.mark.parametrize(
    ("found", "host"),
    [
        ("mail_server", "mail_server"),
        ("Mail.Example.", "Mail.Example."),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("bücher", "xn--bcher-kva"),
        ("bücher.example.", "xn--bcher-kva.example."),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 49] * 5 + ["bcd"]) + ".", ".".join(["a" * 49] * 5 + ["bcd"]) + "."),
    ],
)
def test_a_host_in_ascii_is_left_as_it_is(found: str, host: str) -> None:
    assert ascii_host(found) == host


@pytest.mark.parametrize(
    "found",
    [
        "",
        ".",
        ".example",
        "mail..example",
        "mail.example..",
        "bücher.example..",
        "☃",
        "mail server",
        "mail.example\n",
        "mail\x00.example",
        "mail.example:25",
        "[::1]",
        "::1.",
        "a" * 64 + ".example",
        ".".join(["a" * 49] * 5 + ["bcde"]),  # 254 characters
        "büch\u00ader.example",  # a soft hyphen, which UTS 46 drops
    ],
)
def test_what_sockets_cannot_resolve_is_no_host(found: str) -> None:
    assert ascii_host(found) is None


@pytest.mark.parametrize(
    ("found", "hides"),
    [("exam\u00adple", True), ("\u200bexample", True), ("a\u200db", False), ("☃ä_", False)],
)
def test_some_characters_are_dropped_silently(found: str, hides: bool) -> None:
    assert hides_something(found) is hides
