"""The OpenAPI document: made of the table of routes, so that it says what is answered."""

from __future__ import annotations

from typing import Any, Final

import orjson

from triggerstream import __version__
from triggerstream.core.reasons import RejectReason
from triggerstream.ingest import items
from triggerstream.ingest.routes import REASONS, ROUTES, Parameter, Route

_OBJECT: Final = {"type": "object"}
_BODIES: Final[dict[str, dict[str, Any]]] = {
    **{each: {"oneOf": [_OBJECT, {"type": "array", "items": _OBJECT}]} for each in items.JSON},
    **{each: {"type": "string"} for each in (*items.LINES, *items.TEXT)},
    "application/cloudevents+json": _OBJECT,
    "application/cloudevents-batch+json": {"type": "array", "items": _OBJECT},
}
_REJECTED: Final = {
    "type": "object",
    "required": ["index", "reason", "detail"],
    "additionalProperties": False,
    "properties": {
        "index": {"type": "integer", "minimum": 0},
        "reason": {"type": "string", "enum": [reason.value for reason in RejectReason]},
        "detail": {"type": "string"},
    },
}
_SCHEMAS: Final = {
    "Answer": {
        "type": "object",
        "required": ["accepted", "rejected"],
        "additionalProperties": False,
        "properties": {
            "accepted": {"type": "integer", "minimum": 0},
            "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/Rejected"}},
            "repeat_safe": {"const": False},
            "success": {"type": "boolean"},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
    },
    "Success": {
        "type": "object",
        "required": ["success"],
        "additionalProperties": False,
        "properties": {
            "success": {"const": True},
            "accepted": {"type": "integer", "minimum": 1},
            "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/Rejected"}},
            "repeat_safe": {"const": False},
        },
    },
    "Rejected": _REJECTED,
    "Error": {
        "type": "object",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {
            "error": {"type": "string"},
            "success": {"const": False},
            "code": {"type": "string"},
            "message": {"type": "string"},
        },
    },
    "Status": {
        "type": "object",
        "required": ["status"],
        "additionalProperties": False,
        "properties": {"status": {"type": "string"}, "reason": {"type": "string"}},
    },
}


def document() -> bytes:
    """Return the document, in JSON."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "triggerstream ingest",
            "version": __version__,
            "description": "The way in over HTTP. What it answers 200 to is in the log.",
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "writeKey": {"type": "http", "scheme": "basic"},
            },
        },
    }
    return orjson.dumps(made)


def _operation(route: Route) -> dict[str, Any]:
    name = route.path.strip("/").replace("/", "_").replace(".", "_")
    made: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{name}",
        "summary": route.about,
        "responses": {str(status): _response(route, status) for status in route.answers},
    }
    if route.parameters:
        made["parameters"] = list(map(_parameter, route.parameters))
    if route.auth == "header":
        made["security"] = [{"bearer": []}, {"writeKey": []}]
    if route.takes:
        content = {media: {"schema": _body(route, media)} for media in route.takes}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _body(route: Route, media: str) -> dict[str, Any]:
    if media in items.JSON and route.door in {"segment", "trigger"}:
        return _OBJECT
    return _BODIES[media]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.is_required,
        "description": parameter.about,
        "schema": {"type": "string"},
    }


def _response(route: Route, status: int) -> dict[str, Any]:
    made: dict[str, Any] = {"description": REASONS[status]}
    if status == 204:
        return made
    if status in {429, 503} and route.auth != "none":
        made["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    made["content"] = _content(route, status)
    return made


def _content(route: Route, status: int) -> dict[str, Any]:
    if route.door == "pixel" and status == 200:
        return {"image/gif": {"schema": {"type": "string"}}}
    names = ["Error"]
    if route.door == "told":
        names = ["Status"] if status in {200, 503} else ["Error"]
    elif status == 200:
        names = ["Success"] if route.door == "segment" else ["Answer"]
    elif status in {400, 413}:
        names = ["Answer", "Error"]
    if route.path == "/openapi.json" and status == 200:
        return {"application/json": {"schema": _OBJECT}}
    found = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return {"application/json": {"schema": found[0] if len(found) == 1 else {"anyOf": found}}}
