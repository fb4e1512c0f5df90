"""A firing fits a record, whatever its event, its profile and its ids add up to."""

from __future__ import annotations

import pytest

from triggerstream.core.detection.firing import MOST_BYTES, _check_size


@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)], ids=["exactly", "over"])
def test_what_no_topic_would_take_fails_the_trigger(over: int, fits: bool) -> None:
    ids = ("e" * 10,)
    rest = len(b"{}") + len(b'["eeeeeeeeee"]')
    event = b" " * (MOST_BYTES - rest + over)
    if fits:
        _check_size(event, {}, ids)
        return

    with pytest.raises(ValueError, match=f"at most {MOST_BYTES} bytes"):
        _check_size(event, {}, ids)
