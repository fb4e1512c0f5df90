"""Logs: one JSON object a line, without customers' data."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any, Literal

import orjson
import pytest
import structlog

from triggerstream.ops.logs import QUIET, configure_logs


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def logged(level: Literal["debug", "info", "error"] = "info") -> tuple[io.StringIO, Any]:
    stream = io.StringIO()
    configure_logs(level, "json", stream)
    return stream, structlog.get_logger("triggerstream.test")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_its_level_logger_and_time() -> None:
    stream, log = logged()

    log.info("checkpoint", partition=3)

    [line] = lines(stream)
    assert line["event"] == "checkpoint"
    assert (line["partition"], line["level"]) == (3, "info")
    assert line["logger"] == "triggerstream.test"
    assert line["timestamp"].endswith("Z")


@pytest.mark.covers("A12")
def test_customers_data_is_withheld_at_info() -> None:
    stream, log = logged("info")

    log.warning("dead letter", customer_id="ann@example.com", value=b"secret", reason="bad_json")

    assert "ann" not in stream.getvalue()
    assert "secret" not in stream.getvalue()
    [line] = lines(stream)
    assert (line["customer_id"], line["reason"]) == ("withheld (15 long)", "bad_json")


def test_customers_data_is_shown_at_debug() -> None:
    stream, log = logged("debug")

    log.debug("decided", customer_id="c1")

    assert lines(stream)[0]["customer_id"] == "c1"


def test_lines_below_the_level_are_not_written() -> None:
    stream, log = logged("info")

    log.debug("decided")

    assert stream.getvalue() == ""


def test_a_traceback_shows_no_local_variables() -> None:
    stream, log = logged()
    customer = "ann@example.com"
    try:
        int("none")
    except ValueError:
        log.exception("failed")

    assert customer not in stream.getvalue()
    assert lines(stream)[0]["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize(
    ("level", "heard"),
    [("info", ["broken", "left"]), ("debug", ["broken", "left", "joined"]), ("error", ["broken"])],
)
@pytest.mark.parametrize("name", QUIET)
def test_libraries_are_heard_where_something_is_wrong(
    name: str, level: Literal["debug", "info", "error"], heard: list[str]
) -> None:
    stream, _ = logged(level)

    library = logging.getLogger(f"{name}.part")
    library.error("%s", "broken")
    library.warning("left")
    library.info("joined")
    library.debug("fetched")

    assert [line["event"] for line in lines(stream)] == heard


def test_configuring_again_writes_each_line_once() -> None:
    logged()
    stream, log = logged()

    log.info("once")

    assert len(lines(stream)) == 1
