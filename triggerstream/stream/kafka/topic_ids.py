"""Topic ids: a topic that was deleted and made again has its name, and another id.

aiokafka 0.14 asks for metadata in version 5 at most, and ids come with version 10. So the request
is spelled out here, with aiokafka's own building blocks, in version 12, which every broker since
Apache Kafka 2.8 speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from triggerstream.errors import UnreachableError

_METADATA: Final = 3
_VERSION: Final = 12
_NOBODY: Final = UUID(int=0)


class _Id(AbstractType[UUID]):  # type: ignore[misc]  # aiokafka is untyped
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _Answer(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Id),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _METADATA
    API_VERSION = _VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Id), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_Question]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([(_NOBODY, self._topic, {})], False, False, {})


async def topic_id(options: Mapping[str, Any], topic: str) -> str:
    """Return the id of *topic* (full name), as text; empty where the broker gives none.

    Args:
        options: How to reach the brokers (`client.client_options`).

    Raises:
        UnreachableError: The topic is not there, or is not known yet.
    """
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        answer = await admin._send_request(_Metadata(topic))  # noqa: SLF001 - see the plug-point tests
    # An old broker gives topics no ids, which is no failure: the checks of offsets (`KeyedProcess`)
    # remain to tell a topic that was made anew.
    except IncompatibleBrokerVersion:  # it has no such request
        return ""
    except NotImplementedError:  # so aiokafka says that no version the broker has tells ids
        return ""
    finally:
        await admin.close()
    (found,) = answer.to_object()["topics"]
    if found["error_code"]:
        message = f"{topic}: the broker does not know it: {for_code(found['error_code']).__name__}"
        raise UnreachableError(message)
    return str(found["topic_id"])
