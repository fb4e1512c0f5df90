"""How the topics are set up."""

from __future__ import annotations

from triggerstream.stream.kafka.topics import Topics, wanted_topics


def clocks(*, header_clock: bool) -> dict[str, str | None]:
    topics = wanted_topics(Topics("t"), 4, header_clock=header_clock)
    return {topic.name: topic.config.get("message.timestamp.type") for topic in topics}


def test_no_clock_of_a_machine_of_ours_stamps_a_record() -> None:
    """With a clock an hour ahead, a worker could not have stored its states any more."""
    found = clocks(header_clock=False)

    assert found.pop("t.inbox.v1") is None  # others write there, and say when
    assert set(found.values()) == {"LogAppendTime"}
    assert len(found) == 8


def test_where_time_is_data_events_and_actions_keep_their_stamps() -> None:
    found = clocks(header_clock=True)

    assert found["t.events.v1"] == found["t.actions.v1"] == "CreateTime"
    assert found["t.detect-states-changelog"] == "LogAppendTime"
