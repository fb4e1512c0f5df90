"""The detection as an application of Quix Streams: state in RocksDB, with a changelog.

    python -m benchmarks.peers.quix_app BOOTSTRAP TOPIC FIRINGS GROUP TRIGGERS DIRECTORY
        INTERVAL tuned|plain

INTERVAL is in seconds between two commits. Tuned, larger batches are asked for, and waited for when
producing, as librdkafka documents it: `fetch.min.bytes`, `linger.ms`; and RocksDB gets buffers that
need not be flushed within a run.

Quix has no timers for state of one's own: a wait that is due fires with the customer's next event,
and never if there is none.
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application
from quixstreams.models.serializers import BytesDeserializer, BytesSerializer
from quixstreams.state.rocksdb import RocksDBOptions

from benchmarks.peers.detection import Detection, Event, Firing, decode, encode

TUNED: dict[str, Any] = {
    "consumer_extra_config": {"fetch.min.bytes": 64 << 10, "fetch.wait.max.ms": 100},
    "producer_extra_config": {"linger.ms": 100, "batch.size": 1 << 20},
    "rocksdb_options": RocksDBOptions(write_buffer_size=64 << 20),
}


def build(
    bootstrap: str,
    topic: str,
    firings: str,
    group: str,
    triggers: str,
    directory: str,
    interval: str,
    how: str,
) -> Application:
    app = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=float(interval),
        state_dir=directory,
        auto_create_topics=True,
        loglevel="WARNING",
        **(TUNED if how == "tuned" else {}),
    )
    detection = Detection(triggers)

    def detect(value: bytes, state: Any) -> list[Firing]:
        event: Event = decode(value)
        held = state.get("state") or {}
        out: list[Firing] = []
        if detection(held, event, out):
            state.set("state", held)
        return out

    events = app.topic(topic, value_deserializer=BytesDeserializer(), key_deserializer="bytes")
    found = app.topic(firings, value_serializer=BytesSerializer(), key_serializer="bytes")
    frame = app.dataframe(events).apply(detect, stateful=True, expand=True)
    frame.apply(encode).to_topic(found)
    return app


if __name__ == "__main__":
    build(*sys.argv[1:]).run()
