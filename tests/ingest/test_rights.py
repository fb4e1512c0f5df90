"""What a key may say: sources, types, pages; and what a public one may say of whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.harness import NOW, SECRET, SEEN, SERVER, SHOP, SLOW, WEB, Opened, opened
from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.schemas.schemas import Schemas
from triggerstream.ingest.limits import Limits
from triggerstream.ingest.tokens import LONGEST, Proof, user_token

SECONDS = NOW // 1000


@pytest.fixture(name="door")
async def _door(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path) as door:
        yield door


def event(customer: str, kind: str = "seen", **data: Any) -> dict[str, Any]:
    return {"customer_id": customer, "event_type": kind, "event_data": data}


# ── sources and types ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", [None, "web", "triggerstream/actions"])
async def test_the_source_is_the_keys_whatever_the_event_says(door: Opened, said: str) -> None:
    await door.send(body={**SEEN, "source": said})

    assert door.log.events[0]["source"] == "shop"


@pytest.mark.covers("N5")
@pytest.mark.parametrize(("kind", "status"), [("seen", 200), ("bought", 403)])
async def test_a_key_sends_events_of_its_types_alone(door: Opened, kind: str, status: int) -> None:
    answer = await door.send(body=event("ada", kind), key=SLOW)

    assert answer.status == status


async def test_one_event_of_a_forbidden_type_refuses_the_request_whole(door: Opened) -> None:
    answer = await door.send(body=[event("ada"), event("ada", "message_sent")])

    assert answer.status == 403
    assert door.log.records == []


# ── public keys ─────────────────────────────────────────────────────────────────────────────


async def browser(
    door: Opened, body: Any, token: str | None = None, path: str = "/v1/events"
) -> Any:
    headers = {"X-Triggerstream-User": token} if token is not None else {}
    return (await door.send(path, body, key=WEB, headers=headers)).json


@pytest.mark.parametrize(
    ("body", "is_allowed"),
    [
        pytest.param(event("anon_7"), True, id="an anonymous id"),
        pytest.param(event("ada"), False, id="a customer"),
        pytest.param(event("anon"), False, id="an id that only begins alike"),
        pytest.param(event("anon_7", "identify", plan="pro"), True, id="a trait of the key"),
        pytest.param(event("anon_7", "identify", vip=True), False, id="another trait"),
        pytest.param(event("anon_7", "identify", email="a@b.c"), False, id="an address"),
        pytest.param(
            event("anon_7", "identify", email_consent=True), False, id="consent as a trait"
        ),
        pytest.param(
            event("anon_7", "consent", purpose="tracking", status="granted"), True, id="tracking"
        ),
        pytest.param(
            event("anon_7", "consent", purpose="marketing"), False, id="consent of another purpose"
        ),
        pytest.param(event("anon_7", "consent", status="granted"), False, id="consent to all"),
    ],
)
async def test_without_proof_a_page_speaks_of_nobody_known(
    door: Opened, body: Any, is_allowed: bool
) -> None:
    answer = await browser(door, body)

    assert answer["accepted"] == is_allowed
    assert [each["reason"] for each in answer["rejected"]] == (
        [] if is_allowed else ["forbidden_customer"]
    )


@pytest.mark.parametrize(
    ("body", "is_allowed"),
    [
        pytest.param(event("ada"), True, id="an event"),
        pytest.param(event("ada", "identify", email="a@b.c"), True, id="an address"),
        pytest.param(event("ada", "identify", vip=True), False, id="no trait of the key"),
        pytest.param(event("ada", "consent", purpose="marketing"), True, id="consent"),
        pytest.param(event("eve"), False, id="another customer"),
    ],
)
async def test_with_a_token_a_page_speaks_of_its_customer(
    door: Opened, body: Any, is_allowed: bool
) -> None:
    answer = await browser(door, body, user_token(SECRET, "ada", SECONDS + 60))

    assert answer["accepted"] == is_allowed


@pytest.mark.covers("A12")
async def test_what_a_library_calls_anonymous_is_kept_apart_from_customers(door: Opened) -> None:
    await browser(door, {"event": "seen", "anonymousId": "ada"}, path="/v1/track")
    await browser(door, {"anonymousId": "anon_7", "previousId": "ada"}, path="/v1/alias")

    track, alias = door.log.events
    assert track["customer_id"] == "anon_ada"
    assert (alias["customer_id"], alias["event_data"]) == ("anon_7", {"previous_id": "anon_ada"})
    assert [record.key for record in door.log.records] == [b"anon_ada", b"anon_7"]


async def test_a_server_says_what_it_wants_of_whom_it_wants(door: Opened) -> None:
    answer = await door.send(body=event("ada", "identify", email="a@b.c", vip=True), key=SERVER)

    assert answer.status == 200


async def test_a_beacon_brings_its_token_in_its_address(door: Opened) -> None:
    token = user_token(SECRET, "ada", SECONDS + 60)

    answer = await door.send(f"/v1/beacon?k={WEB}&u={token}", event("ada"), key=None)

    assert answer.status == 204


# ── tokens ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expiry", "is_valid"),
    [
        pytest.param(SECONDS, False, id="at its expiry"),
        pytest.param(SECONDS + 1, True, id="a second before"),
        pytest.param(SECONDS + LONGEST, True, id="for a day"),
        pytest.param(SECONDS + LONGEST + 1, False, id="for more than a day"),
    ],
)
def test_a_token_is_valid_until_its_expiry_for_a_day_at_most(expiry: int, is_valid: bool) -> None:
    proof = Proof(SECRET, user_token(SECRET, "ada", expiry), SECONDS)

    assert (proof.why_not("ada") == "") is is_valid


def test_a_token_is_what_the_page_says_it_is() -> None:
    made = user_token(b"0123456789abcdef0123456789abcdef", "ada", 1772362800)

    assert made == "ts1.1772362800.IMfFsY32BwCK4Zj4RRW00hz9Z7mAr-23ITxs6JkSfpk"


@pytest.mark.parametrize(
    "token",
    [
        *("", "ts1", "ts1.", "ts1.9.x", "ts2.1772362800.x", "ts1.x.y", "ts1.²2.y"),
        "ts1." + "9" * 5000 + ".x",
        user_token(SECRET, "ada", SECONDS + 60)[:-1],
        user_token(b"another secret", "ada", SECONDS + 60),
    ],
)
def test_what_is_no_token_proves_nothing(token: str) -> None:
    assert Proof(SECRET, token, SECONDS).why_not("ada")


def test_without_a_secret_nothing_is_proof() -> None:
    proof = Proof(None, user_token(b"", "ada", SECONDS + 60), SECONDS)

    assert "INGEST__USER_SECRET" in proof.why_not("ada")


# ── schemas ─────────────────────────────────────────────────────────────────────────────────


SCHEMAS = Schemas(
    SchemaRules(
        unknown="reject",
        types={"cart_added": TypeRule(on_invalid="flag", sources=("shop",))},
        aliases={"cart_add": "cart_added", "message": "message_sent"},
        schemas={"cart_added": {"required": ["n"]}},
    ),
    (),
)


async def test_schemas_give_the_type_and_flags_and_say_no(tmp_path: Path) -> None:
    body = [
        {"customer_id": "ada", "event_type": "cart_add", "metadata": {"a": 1}},
        event("ada", "cart_added", n=1),
        event("ada", "seen"),
    ]
    async with opened(tmp_path, schemas=SCHEMAS) as door:
        answer = await door.send(body=body)

    flagged, plain = door.log.events
    assert flagged["event_type"] == plain["event_type"] == "cart_added"
    assert flagged["metadata"] == {"a": 1, "ts_flags": ["schema"]}
    assert "metadata" not in plain
    [rejected] = answer.json["rejected"]
    assert (rejected["index"], rejected["reason"]) == (2, "unknown_type")
    assert door.seen.failures == {
        ("shop", "cart_added", "schema"): 1,
        ("shop", "other", "unknown_type"): 1,
    }


async def test_schemas_ask_for_the_keys_source_whatever_the_event_says(tmp_path: Path) -> None:
    async with opened(tmp_path, schemas=SCHEMAS) as door:
        ours = await door.send(body={**event("ada", "cart_added", n=1), "source": "web"})
        web = await door.send(
            f"/v1/beacon?k={WEB}", {**event("anon_1", "cart_added", n=1), "source": "shop"}
        )

    assert ours.status == 200
    assert web.json["rejected"][0]["reason"] == "forbidden_source"


async def test_an_alias_leads_to_no_type_that_the_key_may_not_send(tmp_path: Path) -> None:
    async with opened(tmp_path, schemas=SCHEMAS) as door:
        reserved = await door.send(body=event("ada", "message"))
        other = await door.send(body=event("ada", "cart_add"), key=SLOW)

    assert (reserved.status, other.status) == (403, 403)


# ── pages ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/v1/events", "/v1/batch", "/trigger", f"/v1/beacon?k={WEB}"])
async def test_a_preflight_is_allowed_for_the_pages_of_a_key_alone(door: Opened, path: str) -> None:
    asked = {"Access-Control-Request-Method": "POST"}

    ours = await door.send(path, b"", key=None, method="OPTIONS", headers={"Origin": SHOP, **asked})
    other = await door.send(
        path, b"", key=None, method="OPTIONS", headers={"Origin": "https://evil.example", **asked}
    )

    assert ours.status == 204
    assert ours.headers["Access-Control-Allow-Origin"] == SHOP
    assert "authorization" in ours.headers["Access-Control-Allow-Headers"]
    assert ours.headers["Vary"] == "Origin"
    assert other.status == 403
    assert not [name for name in other.headers if name.startswith("Access-Control")]


async def test_a_page_may_read_the_answer_if_it_is_the_keys(door: Opened) -> None:
    body = event("anon_7")

    ours = await door.send(body=body, key=WEB, headers={"Origin": SHOP})
    bad = await door.send(body=[], key=WEB, headers={"Origin": SHOP})
    other = await door.send(body=body, key=WEB, headers={"Origin": "https://evil.example"})
    with_a_server_key = await door.send(body=body, headers={"Origin": SHOP})

    assert (ours.status, bad.status, other.status, with_a_server_key.status) == (200, 400, 403, 403)
    assert ours.headers["Access-Control-Allow-Origin"] == SHOP
    assert bad.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_without_a_file_of_keys_this_machine_may_send_and_no_page_on_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, keys=None) as door:
        here = await door.send(key=None)
        page = await door.send(key=None, headers={"Origin": f"http://localhost:{door.port}"})
        beacon = await door.send("/v1/beacon", key=None, media="text/plain")
        pixel = await door.send("/v1/p.gif?e=x&a=7", key=None, method="GET", media=None)

    assert (here.status, page.status, beacon.status, pixel.status) == (200, 403, 403, 403)
    assert [event["source"] for event in door.log.events] == ["local"]


# ── when more comes in than is decided ──────────────────────────────────────────────────────


async def test_who_floods_is_slowed_down_while_too_much_waits_and_others_are_not(
    tmp_path: Path,
) -> None:
    limits = Limits(behind=10, slowed=4)
    waiting = [10]
    batch = [event("ada")] * 5
    async with opened(tmp_path, limits=limits, behind=lambda: waiting[0]) as door:
        at_the_bound = [await door.send(body=batch) for _ in range(3)]
        waiting[0] = 11
        first = await door.send(body=batch)
        second = await door.send(body=batch)
        other = await door.send(f"/v1/beacon?k={WEB}", event("anon_1"))
        door.clock.now += 0.5
        later = await door.send(body=batch)
        waiting[0] = 10
        when_decided = await door.send(body=batch)

    assert [answer.status for answer in at_the_bound] == [200] * 3
    assert first.status == 200
    assert (second.status, second.headers["Retry-After"]) == (429, "1")
    assert other.status == 204
    assert later.status == 200
    assert when_decided.status == 200
