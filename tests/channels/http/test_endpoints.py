"""What an endpoint's settings say: the URL to dial, and the key that signs."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from triggerstream.channels.http.endpoints import key_of, shown, url_of

# ── the host ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "dialled"),
    [
        ("straße.example", "xn--strae-oqa.example"),  # IDNA 2003: strasse.example
        ("STRASSE.example", "strasse.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),  # a final sigma
        ("ශ්\u200dරී.com", "xn--10cl1a0b660p.com"),  # a joiner where it belongs
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),  # noqa: RUF001 - Persian
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("Bücher.Example.", "xn--bcher-kva.example."),
        ("bücher。example", "xn--bcher-kva.example"),
        ("crm_service", "crm_service"),  # as containers are called
        ("EXAMPLE.com.", "example.com."),
        ("127.0.0.1", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),  # noqa: RUF001 - wide digits, for the guard to judge
        ("0x7F.1", "0x7f.1"),
        ("2130706433", "2130706433"),
    ],
)
def test_a_host_is_dialled_under_its_own_name(host: str, dialled: str) -> None:
    assert url_of(f"https://{host}/hook").raw_host == dialled


@pytest.mark.parametrize(
    ("host", "why"),
    [("☃\u0378.example", "no international domain"), ("exam\u00adple.com", "nobody can see")],
)
def test_a_host_that_is_none_is_told_apart_from_one_that_hides_something(
    host: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        url_of(f"https://{host}/hook")


@pytest.mark.parametrize(
    "host",
    [
        "i♥ß.example",  # by IDNA 2003 it would be i♥ss.example
        "☃.example",
        "exam\u00adple.com",  # a soft hyphen, which UTS 46 drops
        "exam\u200bple.com",  # a space of no width
        "exam\ufe0fple.com",
        "a\u200db.example",  # a joiner where none belongs
        "\u200f.example",
        "ex%61mple.com",
        "exam ple.com",
        "exam\tple.com",
        "exam\nple.com",
        "exam\u3000ple.com",
        "exam\x00ple.com",
        "good.example\\",
        "good.example\\@bad.example",  # which browsers read as good.example
        "a..b",
        ".a",
        "ü..example",
        "℀.example",  # a/c once it is normalised
        "ü" * 64 + ".example",
        "a" * 64 + ".example",
        ".".join(["a" * 49] * 5 + ["bcde"]),
        "[::1",
        "::1",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[12345::]",
        "[::1]x",
        "x[::1]",
        "",
        "a:0",
        "a:65536",
        "a:99999",
        "a:x",
        "a:",
        "a:-1",
        "a:80:80",
        "a:٨٠",
    ],
)
def test_what_is_no_host_is_not_dialled(host: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|its) "):
        url_of(f"https://{host}/hook")


@pytest.mark.parametrize(("port", "dialled"), [("1", 1), ("65535", 65535), ("0080", 80)])
def test_a_port_is_from_1_to_65535(port: str, dialled: int) -> None:
    assert url_of(f"http://a.example:{port}/").port == dialled


@pytest.mark.parametrize(
    ("host", "dialled"), [("[::1]", "::1"), ("[2001:DB8:0::1]:8080", "2001:db8::1")]
)
def test_an_address_of_ipv6_stands_in_brackets(host: str, dialled: str) -> None:
    assert url_of(f"http://{host}/").raw_host == dialled


# ── the rest of it ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/a%2Fb/../c?sig=%2Bx%41+y&e=", "/a%2Fb/../c?sig=%2Bx%41+y&e="),
        ("/hook#part", "/hook"),
        ("/grüße?q=ä", "/gr%C3%BC%C3%9Fe?q=%C3%A4"),
        ("/a<b>", "/a%3Cb%3E"),
        ("/a;b=c:d@e!$&'()*,~", "/a;b=c:d@e!$&'()*,~"),
    ],
)
def test_what_follows_the_host_is_sent_as_it_was_written(written: str, sent: str) -> None:
    assert url_of(f"https://a.example{written}").raw_path_qs == sent


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "a.example", "//a.example/", "javascript:x", "", "https:a.example"]
)
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        url_of(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://ada:secret@a.example:0/t0ken?k=s", "https://a.example:0"),
        ("https://ada:secret@", "https://"),
        ("https://ada:se@cret@a.example/", "https://a.example"),
        ("ada:secret@a.example/t0ken", "a.example"),
        ("ftp://a.example/t0ken", "ftp://a.example"),
        ("https:ada:secret@a.example", "a.example"),
        ("x" * 500, "x" * 80),
        ("", ""),
    ],
)
def test_of_a_url_no_more_is_shown_than_the_host(url: str, told: str) -> None:
    assert shown(url) == told


def test_why_a_url_is_none_repeats_no_password() -> None:
    with pytest.raises(ValueError, match=r"^its host is none$"):
        url_of("https://ada:secret@℀.example/")


# ── the key ─────────────────────────────────────────────────────────────────────────────────


def secret_of(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(200, 200 + length))).decode()


def test_the_specifications_vector_is_signed_right() -> None:
    signer = Webhook(key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    moment = datetime.fromtimestamp(1614265330, UTC)

    assert signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, '{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("length", [24, 25, 26, 32, 56])
def test_a_key_is_what_its_base64_spells(length: int) -> None:
    assert key_of(secret_of(length)) == bytes(range(200, 200 + length))


@pytest.mark.parametrize(("length", "is_a_key"), [(0, False), (23, False), (24, True)])
def test_a_key_has_24_bytes_or_more(length: int, is_a_key: bool) -> None:
    _judge("whsec_" + base64.b64encode(b"x" * length).decode(), is_a_key=is_a_key)


@pytest.mark.parametrize(("length", "is_a_key"), [(64, True), (65, False)])
def test_a_key_has_64_bytes_or_less(length: int, is_a_key: bool) -> None:
    _judge("whsec_" + base64.b64encode(b"x" * length).decode(), is_a_key=is_a_key)


def _judge(secret: str, *, is_a_key: bool) -> None:
    if is_a_key:
        assert key_of(secret) == base64.b64decode(secret.removeprefix("whsec_"))
    else:
        with pytest.raises(ValueError, match=r"bytes|not base64"):
            key_of(secret)


KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (f"whsk_{KEY}", "a key for 'whsk_'"),
        (f"whpk_{KEY}", "a key for 'whpk_'"),
        (KEY, "no such prefix"),
        (f"WHSEC_{KEY}", "no such prefix"),
        (f" whsec_{KEY}", "no such prefix"),
        ("", "no such prefix"),
        ("plain-secret!", "no such prefix"),
        ("whsec_", "text that is not base64 behind it"),
        ("whsec_a", "text that is not base64 behind it"),
        ("whsec_AAAA", "3 bytes"),
        (f"whsec_{KEY}\n", "text that is not base64 behind it"),
        (f"whsec_{KEY[:16]} {KEY[16:]}", "text that is not base64 behind it"),
        (f"whsec_whsec_{KEY}", "text that is not base64 behind it"),
        (f"whsec_{KEY}=", "text that is not base64 behind it"),
        (f"whsec_{KEY}ä", "text that is not base64 behind it"),
        (f"whsec_{KEY[:-1]}-", "text that is not base64 behind it"),  # of URLs
        (f"whsec_{KEY}AA", "text that is not base64 behind it"),  # its padding is missing
        (f"whsec_{KEY}AB==", "text that is not base64 behind it"),  # bits that no byte has
    ],
)
def test_what_spells_no_key_is_refused_and_not_repeated(secret: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"^{found}$") as refused:
        key_of(secret)

    assert KEY[:8] not in str(refused.value)
