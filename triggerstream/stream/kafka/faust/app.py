"""Putting one process together: a Faust app with every unsafe default replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from faust.types import StreamT

from triggerstream.ops.settings import Settings
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.faust.edge import Edge
from triggerstream.stream.kafka.faust.input import TopicInput
from triggerstream.stream.kafka.faust.lease import Lease
from triggerstream.stream.kafka.faust.recovery import RecoveringApp, TableManager
from triggerstream.stream.kafka.faust.transport import Transport
from triggerstream.stream.kafka.restore import Progress
from triggerstream.stream.kafka.standbys import Followed, Standbys
from triggerstream.stream.kafka.topics import Topics
from triggerstream.stream.lanes import BuildProcess, TopicReader
from triggerstream.stream.rocksdb.stores import Stores
from triggerstream.stream.shutdown import Shutdown

_REBALANCE: Final = 30.0
"""Seconds that the members of a group have to come together."""


def build_app(
    name: str,
    *,
    settings: Settings,
    topics: Topics,
    stores: Stores,
    main: tuple[str, BuildProcess],
    others: Mapping[str, BuildProcess] | None = None,
    shutdown: Shutdown | None = None,
    on_progress: Progress = lambda *_: None,
    on_followed: Followed = lambda *_: None,
    client_id: str = "triggerstream",
) -> RecoveringApp:
    """Return the app of one process: its group, its table, an agent for each topic it reads.

    Must be called on the event loop that will run it. The topics must exist.

    Args:
        name: The process's name, such as ``detect``: of its group, its changelog, its store.
        stores: Where the states of its partitions are.
        main: Short name of its input, with which its state is partitioned, and what reads it.
        others: Further topics that it reads without keeping state.
        on_progress: Told how far a restore is.
        on_followed: Told how far the standbys are.
        client_id: How the process names itself to the brokers.
    """
    app = RecoveringApp(broker_client_id=client_id, **_options(name, settings, topics))
    transport = Transport(app.conf.broker_consumer, app)
    transport.options = client_options(settings.kafka)
    app.transport = transport
    app.edge = Edge(shutdown or Shutdown(), Lease(settings.kafka.session_timeout))
    app.main_topic = topics.name(main[0])
    app.changelog = topics.changelog(name)
    app.stores = stores
    app.standbys = Standbys(
        transport.options, app.changelog, fail=app.edge.shutdown.fail, on_progress=on_followed
    )
    app.on_progress = on_progress
    # Only for its changelog and its co-partitioning: the states are in *stores*.
    app.Table("states", partitions=settings.kafka.partitions, key_type=bytes, value_type=bytes)
    for short, build in (main, *(others or {}).items()):
        topic = topics.name(short)
        reading = app.edge.readings[topic] = TopicReader(
            topic, build(TopicInput(app, topic)), app.edge.shutdown
        )
        _add_agent(app, short, reading.topic)
    return app


def _add_agent(app: RecoveringApp, name: str, full_name: str) -> None:
    """Subscribe to a topic in Faust's way. Its records come by `TopicReader`, so that the agent has
    nothing to do but to be there: where it returned, Faust would start it again."""

    async def read(_: StreamT[Any]) -> None:
        await app.edge.shutdown.wait()

    topic = app.topic(
        full_name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.agent(topic, name=name)(read)


def _options(name: str, settings: Settings, topics: Topics) -> dict[str, Any]:
    session = settings.kafka.session_timeout
    return {
        "id": topics.process(name),
        "broker": f"kafka://{settings.kafka.bootstrap.split(',')[0]}",
        "store": "memory://",
        "TableManager": TableManager,
        # Ours are made with their settings beforehand, and Faust makes none.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_partitions": settings.kafka.partitions,
        "table_standby_replicas": settings.kafka.standbys,
        "processing_guarantee": "at_least_once",
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": 1 << 20,
        "broker_session_timeout": session,
        "broker_heartbeat_interval": session / 5,
        "broker_request_timeout": max(_REBALANCE, session),
        "broker_rebalance_timeout": _REBALANCE,
        # A restore may take longer than any limit here; the watchdog and the health server see to
        # a process that does not get on.
        "broker_max_poll_interval": 86_400.0,
        "broker_commit_interval": 1.0,
        "stream_recovery_delay": 0.0,
        # Faust's own web server shows tables to whoever asks.
        "web_enabled": False,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
    }
