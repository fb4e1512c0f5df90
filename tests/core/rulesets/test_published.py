"""`Published`: which version follows which is a function of the topic's records in order."""

from __future__ import annotations

import zlib

import msgspec
import pytest

from triggerstream.core.rulesets.published import CHUNK, Head, Published, pack
from triggerstream.core.rulesets.ruleset import content_hash

FILES = {"cart.yaml": "trigger: cart", "policy.yaml": "timezone: UTC"}


def take(published: Published, *versions: list[tuple[bytes, bytes]]) -> list[int]:
    taken = [published.take(key, value) for records in versions for key, value in records]
    return [version for version in taken if version is not None]


@pytest.mark.covers("E6")
def test_a_version_is_in_force_when_its_head_has_come() -> None:
    head, records = pack(FILES, 0)
    published = Published()

    assert take(published, records[:-1]) == []
    assert published.newest == 0
    assert take(published, records[-1:]) == [1]

    assert published.newest == 1
    assert head.hash == content_hash(FILES)
    assert published.files(1) == FILES


def test_a_large_ruleset_travels_in_chunks_and_comes_back_whole() -> None:
    # Nothing that compresses well: hashes of numbers.
    text = "".join(content_hash({"n": str(n)}) for n in range(40_000))
    files = {"large.yaml": text}
    head, records = pack(files, 0)
    published = Published()

    assert take(published, records) == [1]

    assert head.chunks > 1
    assert all(len(value) <= CHUNK for _, value in records)
    assert published.files(1) == files


def test_of_two_made_from_the_same_version_the_first_wins() -> None:
    published = Published()
    take(published, pack(FILES, 0)[1])
    ours, our_records = pack({"a.yaml": "ours"}, 1)
    theirs, their_records = pack({"a.yaml": "theirs"}, 1)

    interleaved = [*our_records[:-1], *their_records[:-1], their_records[-1], our_records[-1]]

    assert take(published, interleaved) == [2]
    assert published.heads[2] == theirs != ours
    assert published.files(2) == {"a.yaml": "theirs"}


def test_one_made_from_an_older_version_is_refused() -> None:
    published = Published()
    take(published, pack(FILES, 0)[1], pack({"a.yaml": "2"}, 1)[1])

    assert take(published, pack({"a.yaml": "late"}, 1)[1]) == []
    assert published.newest == 2


def test_the_same_content_twice_is_one_version() -> None:
    published = Published()

    assert take(published, pack(FILES, 0)[1], pack(FILES, 0)[1]) == [1]
    assert published.newest == 1


@pytest.mark.parametrize("version", [-1, 0, 1, 3, 1 << 64])
def test_a_version_that_is_not_the_next_one_is_refused(version: int) -> None:
    published = Published()
    take(published, pack(FILES, 0)[1])
    name = f"{version}/{content_hash(FILES)}".encode()
    head = Head(version, content_hash(FILES), 1, 1)
    content = zlib.compress(msgspec.json.encode(FILES))

    assert take(published, [(name + b"/0", content), (name, msgspec.json.encode(head))]) == []

    assert published.newest == 1
    assert published.refused == {name}


def test_a_head_without_all_its_chunks_is_refused() -> None:
    _, records = pack(FILES, 0)
    published = Published()

    assert take(published, records[1:]) == []
    assert published.newest == 0


def test_a_head_under_another_key_is_refused() -> None:
    _, records = pack(FILES, 0)
    published = Published()

    assert take(published, [*records[:-1], (b"1/other", records[-1][1])]) == []


def test_a_head_that_cannot_be_read_is_refused() -> None:
    published = Published()

    assert published.take(b"1/abc", b"{") is None
    assert published.refused == {b"1/abc"}


@pytest.mark.parametrize(("key", "value"), [(None, b"x"), (b"1/a/0", None)], ids=["no key", "null"])
def test_records_that_say_nothing_change_nothing(key: bytes | None, value: bytes | None) -> None:
    assert Published().take(key, value) is None


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"1/h", None),
        (b"", b""),
        (b"\xff", b"\xff"),
        (b"1/h", b'{"version":1,"hash":"\xff","based_on":0,"chunks":1}'),
        (b"1/h", b'{"version":1,"hash":"h","based_on":0,"chunks":1,"more":' + DEEP),
        (b"1/h", b'{"version":1,"hash":"h","based_on":0,"chunks":0}'),
        (b"1/h", b'{"version":1,"hash":"h","based_on":0,"chunks":-1}'),
        (b"1/h", b'{"version":1,"hash":"h","based_on":0,"chunks":99999999999999}'),
        (b"1/h", b'{"version":1,"hash":"h","based_on":0,"chunks":2}'),
        (b"2/h", b'{"version":1,"hash":"h","based_on":0,"chunks":1}'),
    ],
    ids=[
        "no key", "null", "empty", "no text", "a hash that is no text", "too deep", "no chunk",
        "less than none", "more than there are", "one that is not there", "another key",
    ],
)  # fmt: skip
def test_a_record_that_is_no_head_puts_nothing_in_force(
    key: bytes | None, value: bytes | None
) -> None:
    published = Published()
    published.take(b"1/h/0", zlib.compress(b"{}"))

    assert published.take(key, value) is None

    assert take(published, pack(FILES, 0)[1]) == [1]


@pytest.mark.parametrize(
    "content",
    [b"", b"plain", zlib.compress(b"{"), zlib.compress(b"[]"), zlib.compress(b'{"a":"\xff"}'),
     zlib.compress(b'{"a":' + DEEP), zlib.compress(b"{}")[:-2]],
    ids=["none", "not packed", "no JSON", "no files", "no text", "too deep", "cut off"],
)  # fmt: skip
def test_a_version_whose_content_cannot_be_read_is_refused_by_everybody(content: bytes) -> None:
    published = Published()
    published.take(b"1/h/0", content)

    assert published.take(b"1/h", b'{"version":1,"hash":"h","based_on":0,"chunks":1}') is None
    assert published.newest == 0
