"""Setting some settings of topics, so that the others stay.

aiokafka 0.14 knows the older request alone, which takes back every setting that it does not name.
So this one is spelled out here with aiokafka's own building blocks, in the version that every
broker since Apache Kafka 2.3 speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

_INCREMENTAL_ALTER_CONFIGS: Final = 44
_VERSION: Final = 0
_TOPIC: Final = 2
_SET: Final = 0


class _Answer(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _INCREMENTAL_ALTER_CONFIGS
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Question(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _INCREMENTAL_ALTER_CONFIGS
    API_VERSION = _VERSION
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(
                        ("name", String("utf-8")),
                        ("config_operation", Int8),
                        ("value", String("utf-8")),
                    ),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class AlterTopics(Request[_Question]):  # type: ignore[misc]  # aiokafka is untyped
    """Sets *settings*, by topic and by Kafka's names; the answer has one row a topic: error code,
    message or ``None``, resource type, topic."""

    API_KEY = _INCREMENTAL_ALTER_CONFIGS

    def __init__(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        self._settings = settings

    def build(self, request_struct_class: type[_Question]) -> _Question:
        resources = [
            (_TOPIC, topic, [(name, _SET, value) for name, value in settings.items()])
            for topic, settings in self._settings.items()
        ]
        return request_struct_class(resources, False)
