"""Which e-mail addresses we send to."""

from __future__ import annotations

import pytest

from triggerstream.channels.email.addresses import mailbox, named_mailbox


@pytest.mark.parametrize(
    ("found", "address"),
    [
        ("ada@mail.example", "ada@mail.example"),
        (" ada@mail.example ", "ada@mail.example"),
        ("a.b+c@sub.mail.example", "a.b+c@sub.mail.example"),
        ("o'neil@mail.example", "o'neil@mail.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ADA@Mail.EXAMPLE", "ADA@mail.example"),
        ("a=b?c@mail.example", "a=b?c@mail.example"),
        ("ada@127.0.0.1.example", "ada@127.0.0.1.example"),
        ("ada@mail.4u", "ada@mail.4u"),
        ("a" * 64 + "@mail.example", "a" * 64 + "@mail.example"),
    ],
)
def test_addresses(found: str, address: str) -> None:
    assert mailbox(found) == address


@pytest.mark.parametrize(
    "found",
    [
        None,
        7,
        "",
        "ada",
        "@mail.example",
        "ada@",
        "ada@localhost",
        "ada@mail..example",
        "ada@-mail.example",
        "ada@mail.example.",
        ".ada@mail.example",
        "a..da@mail.example",
        "a da@mail.example",
        "ada@mail.example\r\nBcc: all@mail.example",
        "ada\n@mail.example",
        "ada@mail.example, eve@mail.example",
        "Ada <ada@mail.example>",
        '"ada"@mail.example',
        "ädä@mail.example",
        "ada@[127.0.0.1]",
        "root@127.0.0.1",
        "root@１２７.0.0.1",  # noqa: RUF001 - wide digits
        "ada@mail.0",
        "a" * 65 + "@mail.example",
        "ada@" + "a" * 64 + ".example",
        "ada@" + "a." * 130 + "example",
        "ada@\ud800.example",
        "ada@☃.example",
        "ada@xn--zzzzzz.example",
        "ada@münchen",
        "=?utf-8?q?ada?=@mail.example",
    ],
)
def test_what_is_no_address(found: object) -> None:
    assert mailbox(found) is None


def test_an_address_is_measured_as_it_is_sent() -> None:
    def address(length: int) -> str:
        return "@".join(
            ["a" * 64, ".".join(["a" * 63, "a" * 63, "b" * length, "ü" * 30, "example"])]
        )

    fits, too_long = address(16), address(17)

    assert len(mailbox(fits) or "") == 254
    assert len(too_long) < 254
    assert mailbox(too_long) is None


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("news@shop.example", ""),
        ("<news@shop.example>", ""),
        ('"" <news@shop.example>', ""),
        ("Shop <news@shop.example>", "Shop"),
        ("Shop<news@shop.example>", "Shop"),
        (" Müller, Söhne & Co. (Köln)  <news@shop.example> ", "Müller, Söhne & Co. (Köln)"),
        ('"Müller, Söhne" <news@shop.example>', "Müller, Söhne"),
        (r'"The \"Shop\" \\o/" <news@shop.example>', r'The "Shop" \o/'),
        ('The "Shop" <news@shop.example>', 'The "Shop"'),
        ("A   B <news@shop.example>", "A B"),
        ("=?utf-8?q?caf=C3=A9?= <news@shop.example>", "=?utf-8?q?caf=C3=A9?="),
        ("a < b <news@shop.example>", "a < b"),
    ],
)
def test_the_name_before_an_address_is_literal_text(found: str, name: str) -> None:
    address = named_mailbox(found)

    assert address is not None
    assert (address.display_name, address.addr_spec) == (name, "news@shop.example")


@pytest.mark.parametrize(
    "found",
    [
        "",
        "Shop",
        "Shop news@shop.example",
        "Shop <news>",
        "Shop <news@shop.example",
        "Shop <news@shop.example> x",
        "Shop\n <news@shop.example>",
        "Shop\r <news@shop.example>",
        "news@shop.example (Shop)",
        "Shop <news@☃.example>",
    ],
)
def test_a_name_without_an_address_is_none(found: str) -> None:
    assert named_mailbox(found) is None
