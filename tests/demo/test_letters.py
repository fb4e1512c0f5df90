"""Mails as they are kept and read, whatever their senders wrote."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from triggerstream.demo.letters import Letter, Letters


def letter(content: bytes) -> Letter:
    return Letter(1, 0, ("b@example.com",), content)


def test_both_parts_of_a_mail_are_read_as_they_were_sent() -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("für dich\n")
    message.add_alternative("<p>für dich</p>\n", subtype="html")

    found = letter(message.as_bytes())

    assert found.header("Subject") == "Grüße"
    assert (found.text, found.html) == ("für dich\n", "<p>für dich</p>\n")


def test_a_mail_of_text_alone_has_no_html() -> None:
    found = letter(b"Subject: a\r\n\r\nonly text")

    assert (found.text, found.html) == ("only text", None)


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b"Content-Type: text/plain; charset=no-such-set\r\n", "caf\ufffd"),
        (b"Content-Type: text/plain; charset=latin-1\r\n", "caf\xe9"),
        (b"Content-Type: text/plain\r\n", "caf\ufffd"),
    ],
    ids=["unknown", "latin-1", "unsaid"],
)
def test_text_is_read_whatever_its_character_set(head: bytes, text: str) -> None:
    sent = head + b"Content-Transfer-Encoding: 8bit\r\n\r\ncaf\xe9"

    assert letter(sent).text == text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no headers at all",
        b"\x00\xff\r\n\r\n",
        b"To: =?utf-8?q?=ED=A0=80?= <\r\n\r\n",
        b"Content-Type: multipart/alternative\r\n\r\nno boundary",
        b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n--x\r\nContent-Type: a/b\r\n',
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!",
    ],
)
def test_a_mail_that_is_none_is_still_told(content: bytes) -> None:
    found = letter(content)

    told = [found.header("To"), found.header("Subject"), found.text or "", found.html or ""]

    assert all(isinstance(part, str) for part in told)


def test_the_oldest_go_when_there_are_more_than_are_kept() -> None:
    letters = Letters(kept=2)
    for _ in range(3):
        letters.add(0, (), b"mail")

    assert [each.number for each in letters] == [3, 2]
    assert letters.count == 3
    assert letters.get(1) is None


@pytest.mark.parametrize(("room", "kept"), [(8, [2, 1]), (7, [2])], ids=["just fits", "too large"])
def test_the_oldest_go_when_they_are_larger_than_there_is_room(room: int, kept: list[int]) -> None:
    letters = Letters(bytes_kept=room)
    letters.add(0, (), b"1234")
    letters.add(0, (), b"5678")

    assert [each.number for each in letters] == kept


def test_the_newest_is_kept_whatever_its_size() -> None:
    letters = Letters(bytes_kept=1)
    letters.add(0, (), b"1234")

    assert letters.newest is not None
    assert letters.newest.content == b"1234"
