"""Topics that were there already are only taken if they will do."""

from __future__ import annotations

from uuid import uuid4

import pytest

from deploy.local_kafka.topics import Topic as Made
from deploy.local_kafka.topics import create_topics
from tests.e2e.deployment import Bootstrapped
from triggerstream.errors import WorldChangedError
from triggerstream.stream.kafka.topics import Topics, ensure_topics, wanted_topics

pytestmark = pytest.mark.kafka


async def test_a_topic_whose_producers_would_set_the_clock_is_refused(kafka: Bootstrapped) -> None:
    topics = Topics(f"t{uuid4().hex[:8]}")
    await create_topics(kafka.bootstrap, [Made(topics.name("events"), 2)])
    options = {"bootstrap_servers": kafka.bootstrap}

    with pytest.raises(WorldChangedError, match=r"message\.timestamp\.type=LogAppendTime"):
        await ensure_topics(options, wanted_topics(topics, 2, header_clock=False))


async def test_topics_that_we_made_will_do_the_next_time_too(kafka: Bootstrapped) -> None:
    topics = Topics(f"t{uuid4().hex[:8]}")
    options = {"bootstrap_servers": kafka.bootstrap}
    wanted = wanted_topics(topics, 2, header_clock=False)

    await ensure_topics(options, wanted)
    await ensure_topics(options, wanted)
