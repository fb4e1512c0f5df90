"""Which e-mail addresses we send to."""

from __future__ import annotations

import pytest

from triggerstream.channels.addresses import mailbox


@pytest.mark.parametrize(
    ("found", "address"),
    [
        ("ada@mail.example", "ada@mail.example"),
        (" ada@mail.example ", "ada@mail.example"),
        ("a.b+c@sub.mail.example", "a.b+c@sub.mail.example"),
        ("o'neil@mail.example", "o'neil@mail.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
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
        "a" * 65 + "@mail.example",
        "ada@" + "a" * 64 + ".example",
        "ada@" + "a." * 130 + "example",
        "ada@\ud800.example",
    ],
)
def test_what_is_no_address(found: object) -> None:
    assert mailbox(found) is None
