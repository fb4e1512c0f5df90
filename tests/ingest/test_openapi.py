"""The OpenAPI document, and the doors held against it by schemathesis: bounded, with one seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.ingest.harness import SERVER, WEB, Opened
from tests.ingest.running import running
from triggerstream.ingest import openapi
from triggerstream.ingest.routes import REASONS, ROUTES

DOCUMENT: dict[str, Any] = json.loads(openapi.document())
schema = schemathesis.openapi.from_dict(DOCUMENT)
FOUND = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
OPERATIONS = {f"{each.method.upper()} {each.path}": each for each in FOUND}
CHECKS = (
    *(not_a_server_error, status_code_conformance),
    *(content_type_conformance, response_schema_conformance),
)


@pytest.fixture(name="door", scope="module")
def _door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with running(Path(tmp_path_factory.mktemp("door"))) as door:
        yield door


def test_every_route_is_in_the_document_and_nothing_else() -> None:
    assert set(OPERATIONS) == {f"{route.method} {route.path}" for route in ROUTES}


def test_the_document_is_one_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    for name, part in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator({**part, "components": DOCUMENT["components"]})
        assert part["type"] == "object", name


def test_every_status_has_its_reason() -> None:
    assert {status for route in ROUTES for status in route.answers} == set(REASONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_is_answered_as_the_document_says(door: Opened, name: str) -> None:
    operation = OPERATIONS[name]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=40,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        if "k" in (case.query or {}):
            case.query["k"] = WEB
        headers = {"Authorization": f"Bearer {SERVER}"}
        case.call_and_validate(base_url=door.url, headers=headers, checks=list(CHECKS))

    check()


def test_something_of_it_came_through(door: Opened) -> None:
    assert door.seen.answers.total() > 300
    assert {status for _, status in door.seen.answers} >= {200, 400}
