"""Headers are literal text: what was put in is what every reader gets."""

from __future__ import annotations

import re
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.channels.email.readers import (
    TEXT_READERS,
    Named,
    Read,
    legacy_named,
    modern_named,
    strict_named,
    strict_text,
    unfolded,
)
from triggerstream.channels.email.headers import LiteralHeaders, Token, write_header

CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
FORGED = "Lamp =?utf-8?q?=0d=0aBcc:_all@victim.example=0d=0a=0d=0a<h1>hi</h1>?="

# What readers stumble over, mixed with any other text.
_STUMBLED_OVER = """=?utf-8?q?=0d=0aBcc:_x?= =?utf-8?b? ?= =? " \\ , <a@b.c> ( ) @ ; : . _ =20 %"""
pieces = st.sampled_from([*_STUMBLED_OVER.split(" "), " ", "  ", "word", "Straße", "ждёт", "😀"])
characters = st.characters(exclude_categories=("Cc", "Cs"))
texts = (
    st.lists(pieces | st.text(characters, max_size=30), min_size=1)
    .map("".join)
    .filter(lambda text: 0 < len(text) <= 998)
)


def written(name: str, value: str | Address) -> bytes:
    return write_header(name, value).encode("ascii")


# ── text ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("read", TEXT_READERS.values(), ids=TEXT_READERS.keys())
@given(text=texts)
@example(text=FORGED)
@example(text="=?utf-8?q?caf=C3=A9?= blend")
@example(text="=?iso-8859-1?b?QmNjOiBh?= x")
@example(text="a =?utf-8?q?b?= =?utf-8?q?c?= d")
@example(text=" a  b ")
@example(text="a" * 998)
@example(text="word " * 199 + "end")
@example(text="ж" * 998)
@example(text="😀" * 998)
@example(text="Straße " * 100)
@example(text="a\u2028b\u00a0c\ufeffd")
def test_every_reader_gets_the_text_that_was_put_in(read: Read, text: str) -> None:
    assert read(written("Subject", text)) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Your cart", ["Subject: Your cart"]),
        ("a" * 67, ["Subject: " + "a" * 67]),  # 76 characters
        ("a" * 33 + " " + "b" * 33, ["Subject: " + "a" * 33 + " " + "b" * 33]),
        ("a" * 34 + " " + "b" * 33, ["Subject: " + "a" * 34, " " + "b" * 33]),
        ("Grüße", ["Subject: =?utf-8?b?R3LDvMOfZQ==?="]),
        ("Ada Müller", ["Subject: =?utf-8?q?Ada_M=C3=BCller?="]),
        ("Привет", ["Subject: =?utf-8?b?0J/RgNC40LLQtdGC?="]),
        ("a  b", ["Subject: =?utf-8?q?a__b?="]),
        ("x =? y", ["Subject: =?utf-8?b?eCA9PyB5?="]),
        ("", ["Subject:"]),
    ],
)
def test_plain_text_is_left_plain_and_other_text_is_encoded_shortly(
    text: str, lines: list[str]
) -> None:
    assert write_header("Subject", text).split("\r\n") == [*lines, ""]


def test_a_long_word_is_encoded_since_it_cannot_be_folded() -> None:
    first, second = write_header("Subject", "a" * 68).splitlines()

    assert first == f"Subject: =?utf-8?q?{'a' * 55}?="
    assert len(first) == 76
    assert second == f" =?utf-8?q?{'a' * 13}?="


def test_encoded_words_end_behind_a_space_where_they_can() -> None:
    words = write_header("Subject", "ждать " * 20).split("\r\n ")

    assert len(words) > 3
    assert all(strict_text(f"X: {word.strip()}\r\n".encode())[-1:] == " " for word in words[1:])


@pytest.mark.parametrize("length", [1, 40, 62, 63, 64, 200])
def test_a_long_name_of_a_header_leaves_room_for_its_text(length: int) -> None:
    text = "😀" * 30
    words = write_header("X" * length, text).split()[1:]

    assert strict_text(b"X: " + "\r\n ".join(words).encode() + b"\r\n") == text


@pytest.mark.parametrize("character", [*CONTROLS, "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused(character: str) -> None:
    text = f"a{character}Bcc: all@mail.example"

    with pytest.raises(ValueError, match=f"Subject: .* found {re.escape(repr(character))}"):
        write_header("Subject", text)


@pytest.mark.parametrize("character", ["a", "ж", "😀"])
def test_text_has_at_most_998_characters(character: str) -> None:
    longest = character * 998

    assert strict_text(written("Subject", longest)) == longest
    assert strict_named(written("From", address(longest))) == named(longest)
    for value in (longest + character, address(longest + character)):
        with pytest.raises(ValueError, match=r"^X: text of at most 998 .* found 999$"):
            write_header("X", value)


@pytest.mark.parametrize("character", ["\x00", "\t", "\x7f", "\x85", "\ud800"])
def test_a_name_is_refused_likewise(character: str) -> None:
    with pytest.raises(ValueError, match=f"From: .* found {re.escape(repr(character))}"):
        write_header("From", address(f"a{character}b"))


def test_what_is_beside_the_control_characters_is_text() -> None:
    for character in (" ", "~", "\u00a0", "\ue000", "\ud7ff"):
        assert strict_text(written("Subject", f"a{character}b")) == f"a{character}b"


# ── names ───────────────────────────────────────────────────────────────────────────────────


def address(name: str) -> Address:
    return Address(name, "news", "shop.example")


def named(name: str) -> Named:
    return Named(name, "news@shop.example")


@given(texts)
@example(FORGED)
@example('Müller, Söhne "& Co."')
@example("Магазин электроники и бытовой техники")
@example("word, " * 60)
@example("The shop of Ada Müller, (Charles Babbage) & Co.")
@example('"')
@example("\\")
def test_a_name_is_read_as_it_was_put_in(name: str) -> None:
    field = written("From", address(name))

    assert strict_named(field) == legacy_named(field) == named(name)


@given(texts)
@example("ж" * 21)
@example("ж" * 22)
@example("a. b; [c] (d)")
@example(" a ")
def test_the_modern_reader_of_names_is_right_up_to_its_own_spaces(name: str) -> None:
    field = written("From", address(name))
    read = modern_named(field)

    assert read.address == "news@shop.example"
    if field.count(b"=?utf-8?") > 1 or re.search(r"\s\s", name):
        # CPython (3.13.5 still) shows the space between two encoded words; each shows several
        # spaces as one.
        assert "".join(read.name.split()) == "".join(name.split())
    else:
        assert read.name == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "news@shop.example"),
        ("The Shop", "The Shop <news@shop.example>"),
        ("Shop, Inc.", '"Shop, Inc." <news@shop.example>'),
        (r'The "Shop" \o/', r'"The \"Shop\" \\o/" <news@shop.example>'),
        ("Müller, Söhne", "=?utf-8?b?TcO8bGxlciwgU8O2aG5l?= <news@shop.example>"),
        ("=?utf-8?q?a?=", "=?utf-8?b?PT91dGYtOD9xP2E/PQ==?= <news@shop.example>"),
        ("a" * 48 + " x", "a" * 48 + " x <news@shop.example>"),  # 76 characters
        ("a" * 49 + " x", "a" * 49 + " x\r\n <news@shop.example>"),
        ("a" * 45 + ", x", '"' + "a" * 45 + ', x" <news@shop.example>'),
        ("a" * 46 + ", x", '"' + "a" * 46 + ', x"\r\n <news@shop.example>'),
    ],
)
def test_names_are_atoms_or_quoted_or_encoded(name: str, value: str) -> None:
    assert write_header("From", address(name)) == f"From: {value}\r\n"


@pytest.mark.parametrize(("length", "words"), [(21, 1), (22, 2)])
def test_a_name_of_42_bytes_is_one_encoded_word(length: int, words: int) -> None:
    field = written("From", address("ж" * length))

    assert field.count(b"=?utf-8?b?") == words
    assert strict_named(field) == named("ж" * length)


def test_an_address_is_never_folded_or_encoded() -> None:
    domain = ".".join(["d" * 60] * 3)
    field = write_header("From", Address("Shop", "a" * 64, domain))

    assert field == f"From: Shop\r\n <{'a' * 64}@{domain}>\r\n"


# ── tokens ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [1, 58, 59, 300, 980])
def test_a_token_stays_whole_on_its_line(length: int) -> None:
    token = Token("<" + "u" * (length - 2) + ">") if length > 1 else Token("u")
    field = write_header("List-Unsubscribe", token)

    assert field == f"List-Unsubscribe: {token}\r\n"
    assert all(read(field.encode()) == token for read in TEXT_READERS.values())


def test_a_token_that_does_not_fit_a_line_is_refused() -> None:
    assert len(write_header("Message-ID", Token("a" * 986))) == 998 + len("\r\n")
    with pytest.raises(ValueError, match="Message-ID: lines of at most 998"):
        write_header("Message-ID", Token("a" * 987))


@pytest.mark.parametrize(
    "token",
    ["", "a b", " a", "a\r\nBcc: b@c.d", "ä", "a\x00", "https://x/?a=?utf-8?q?b?=", "=?x?b?YQ==?="],
)
def test_a_token_that_readers_would_change_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="List-Unsubscribe: ASCII"):
        write_header("List-Unsubscribe", Token(token))


def test_a_token_may_look_a_little_like_an_encoded_word() -> None:
    token = "<https://x/?a=?id=1>"

    assert strict_line("List-Unsubscribe", Token(token)) == token


def strict_line(name: str, value: str) -> str:
    return unfolded(written(name, value))


@pytest.mark.parametrize("local", ["=?utf-8?q?a?=", "ä"])
def test_an_address_that_readers_would_change_is_refused(local: str) -> None:
    with pytest.raises(ValueError, match="To: ASCII"):
        write_header("To", Address("", local, "mail.example"))


@pytest.mark.parametrize("name", ["", "Bcc: x\r\nA", "A B", "A:", "Ä"])
def test_the_name_of_a_header_is_checked(name: str) -> None:
    with pytest.raises(ValueError, match="a header's name"):
        write_header(name, "text")


# ── the policy ──────────────────────────────────────────────────────────────────────────────


class NoParser(HeaderRegistry):
    """The library's door to its parser of headers."""

    def __call__(self, name: str, value: Any) -> Any:
        raise AssertionError(f"{name} was handed to the parser")


def test_no_header_of_a_mail_is_handed_to_the_librarys_parser() -> None:
    mail = EmailMessage(policy=LiteralHeaders(header_factory=NoParser(), linesep="\r\n"))
    mail["From"] = address("Müller, Söhne")
    mail["Subject"] = FORGED
    mail["X-Later"] = Token("1")
    mail.set_content("text")
    mail.add_alternative("<p>html</p>", subtype="html")

    head, _, body = mail.as_bytes().partition(b"\r\n\r\n")

    fields = re.split(rb"(?<=\r\n)(?! )", head + b"\r\n")[:-1]
    names = [field.partition(b":")[0] for field in fields]
    assert names == [b"From", b"Subject", b"X-Later", b"MIME-Version", b"Content-Type"]
    assert strict_text(fields[1]) == FORGED
    assert body.count(b"Content-Type: text/") == 2
    assert fields[1].decode() in mail.as_string()


def test_a_header_reads_back_from_a_mail_as_it_was_set() -> None:
    mail = EmailMessage(policy=LiteralHeaders())
    mail["Subject"] = FORGED
    mail["From"] = address("Shop")

    assert (mail["Subject"], mail["From"]) == (FORGED, "Shop <news@shop.example>")


def test_a_header_that_cannot_be_written_is_refused_when_it_is_set() -> None:
    mail = EmailMessage(policy=LiteralHeaders())

    with pytest.raises(ValueError, match="Subject"):
        mail["Subject"] = "a\nb"
    assert mail.keys() == []
