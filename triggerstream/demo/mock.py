"""An in-memory stand-in for Kafka, where there is neither Java nor a broker: librdkafka's own mock.

It is good enough to see triggerstream work, and for nothing else: no compaction, no persistence,
5 MB a partition. The client that brings it is of the extra ``demo``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from triggerstream.errors import UsageError
from triggerstream.stream.kafka.topics import Topic

_PRODUCER = 0
_REBALANCE_DELAY_MS = 100


class MockBroker:
    """A mock cluster of one broker, on a free loopback port.

    Attributes:
        bootstrap: Its address.

    Raises:
        UsageError: ``confluent-kafka`` is not installed.
    """

    def __init__(self) -> None:
        self._library = _librdkafka()
        text = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        # It has no broker but the mock, which it would complain of.
        self._library.rd_kafka_conf_set(settings, b"log_level", b"0", text, len(text))
        self._client = self._library.rd_kafka_new(_PRODUCER, settings, text, len(text))
        if not self._client:
            raise UsageError(f"librdkafka could not start its mock broker: {text.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(
            self._cluster, _REBALANCE_DELAY_MS
        )
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def make(self, topics: Iterable[Topic]) -> None:
        """Make *topics*, which no client can do here; their settings are not known to it."""
        for topic in topics:
            failed = self._library.rd_kafka_mock_topic_create(
                self._cluster, topic.name.encode(), topic.partitions, 1
            )
            if failed:
                raise UsageError(f"the mock broker could not make {topic.name}: error {failed}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


def _librdkafka() -> ctypes.CDLL:
    try:
        from confluent_kafka import cimpl  # noqa: PLC0415 - only the mock needs it
    except ImportError as error:
        message = (
            "without a Kafka the demo runs on the stand-in of confluent-kafka, which is not "
            "installed; required is KAFKA_BOOTSTRAP=host:port, or pip install 'triggerstream[demo]'"
        )
        raise UsageError(message) from error
    library = ctypes.CDLL(
        cimpl.__file__
    )  # finds the symbols of the librdkafka that it is linked to
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
