"""Other people's clients, as they are installed by whoever uses them, against doors that listen."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from segment.analytics.client import Client

from tests.ingest.harness import KEYS, SERVER, SHOP, WEB, Opened
from tests.ingest.running import running

NODE_PACKAGE = "@segment/analytics-node@3.1.0"
PACKAGES = Path(__file__).parents[2] / "build" / "npm"


@pytest.fixture(name="door")
def _door(tmp_path: Path) -> Iterator[Opened]:
    with running(tmp_path) as door:
        yield door


def needs(*programs: str) -> pytest.MarkDecorator:
    """Say that a test is not run where one of *programs* is missing, which are no part of ours."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ── Segment ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("packs", [False, True], ids=["plain", "gzip"])
def test_segments_python_library_delivers(door: Opened, packs: bool) -> None:
    failed: list[Any] = []
    client = Client(
        SERVER, host=door.url, gzip=packs, on_error=lambda *why: failed.append(why), max_retries=0
    )
    client.identify("ada", {"plan": "pro"})
    client.track("ada", "Order Completed", {"total": 9.5})
    client.page("ada", "Shop", "Home")
    client.group("ada", "g1", {"size": 3})
    client.alias("anon_7", "ada")
    client.flush()
    client.shutdown()

    assert failed == []
    assert [event["event_type"] for event in door.log.events] == [
        *("identify", "Order Completed", "page", "group", "alias")
    ]
    assert {event["source"] for event in door.log.events} == {"shop"}
    assert all(event["event_id"] for event in door.log.events)
    assert door.log.letters == []


def test_segments_python_library_is_told_of_a_wrong_key(door: Opened) -> None:
    failed: list[Any] = []
    client = Client(
        "tsk_wrong", host=door.url, on_error=lambda *why: failed.append(why), max_retries=0
    )
    client.track("ada", "seen")
    client.flush()
    client.shutdown()

    assert "401" in str(failed[0][0])
    assert door.log.records == []


NODE = """
const { Analytics } = require('@segment/analytics-node');
const [, writeKey, host] = process.argv;
const analytics = new Analytics({ writeKey, host, maxRetries: 0 });
analytics.on('error', (error) => { console.error(error); process.exitCode = 1; });
analytics.identify({ userId: 'ada', traits: { plan: 'pro' } });
analytics.track({ userId: 'ada', event: 'Order Completed', properties: { total: 9.5 } });
analytics.track({ anonymousId: 'b7', event: 'seen' });
analytics.closeAndFlush();
"""


@pytest.fixture(name="node", scope="module")
def _node() -> Callable[..., str]:
    """Node, with Segment's library; it is fetched once, and kept below ``build/``."""
    if not (PACKAGES / "node_modules" / "@segment" / "analytics-node").is_dir():
        PACKAGES.mkdir(parents=True, exist_ok=True)
        command = ("npm", "install", "--no-audit", "--no-fund", "--prefix", ".", NODE_PACKAGE)
        done = subprocess.run(
            command, cwd=PACKAGES, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            pytest.skip(f"not run: npm does not fetch {NODE_PACKAGE}: {done.stderr[-200:]}")
    return partial(run, "node", cwd=PACKAGES)


@needs("node", "npm")
def test_segments_node_library_delivers(door: Opened, node: Callable[..., str]) -> None:
    node("-e", NODE, "--", SERVER, door.url)

    found = {(event["event_type"], event["customer_id"]) for event in door.log.events}
    assert found == {("identify", "ada"), ("Order Completed", "ada"), ("seen", "b7")}
    assert door.log.letters == []


# ── CloudEvents ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
def test_the_cloudevents_sdk_delivers(door: Opened, write: Callable[..., Any]) -> None:
    attributes = {
        "id": "e1",
        "source": "/shop",
        "type": "seen",
        "specversion": "1.0",
        "subject": "Zoë 7",
        "time": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "datacontenttype": "application/json",
    }
    message = write(CloudEvent(attributes=attributes, data={"n": 1}))

    answer = requests.post(
        f"{door.url}/v1/events",
        headers={**message.headers, "Authorization": f"Bearer {SERVER}"},
        data=message.body,
        timeout=10,
    )

    assert answer.status_code == 200, answer.text
    (event,) = door.log.events
    assert (event["customer_id"], event["event_id"]) == ("Zoë 7", "e1")
    assert event["timestamp"] == "2026-03-01T09:00:00.000Z"
    assert event["event_data"] == {"n": 1}


# ── curl ────────────────────────────────────────────────────────────────────────────────────


@needs("curl")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-H", f"Authorization: Bearer {SERVER}"), id="bearer"),
        pytest.param(("-u", f"{SERVER}:"), id="basic"),
    ],
)
def test_curl_delivers(door: Opened, options: Sequence[str]) -> None:
    event = '{"customer_id": "ada", "event_type": "seen"}'

    said = run("curl", "-sS", *options, "--json", event, f"{door.url}/v1/events")

    assert json.loads(said) == {"accepted": 1, "rejected": []}


@needs("curl", "gzip")
def test_curl_delivers_a_packed_file_in_chunks(door: Opened, tmp_path: Path) -> None:
    lines = "".join(f'{{"customer_id": "c{n}", "event_type": "seen"}}\n' for n in range(300))
    (tmp_path / "events.jsonl").write_text(lines)
    run("gzip", str(tmp_path / "events.jsonl"))

    said = run(
        *("curl", "-sS", "-T", str(tmp_path / "events.jsonl.gz"), "-X", "POST", "-u", f"{SERVER}:"),
        *("-H", "Transfer-Encoding: chunked", "-H", "Content-Encoding: gzip"),
        *("-H", "Content-Type: application/x-ndjson", f"{door.url}/v1/events"),
    )

    assert json.loads(said)["accepted"] == 300
    assert len(door.log.events) == 300


# ── a browser ───────────────────────────────────────────────────────────────────────────────

PAGE = """<!doctype html><title>shop</title><script>
const door = "DOOR", key = "KEY";
const event = (type) => JSON.stringify({customer_id: "anon_7", event_type: type});
navigator.sendBeacon(`${door}/v1/beacon?k=${key}`, event("beacon"));
new Image().src = `${door}/v1/p.gif?k=${key}&e=pixel&a=7`;
const send = (secret) => fetch(`${door}/v1/events`, {method: "POST", body: event("fetch"), headers:
  {"Content-Type": "application/json", "Authorization": `Bearer ${secret}`}});
Promise.allSettled([send(key).then((answer) => answer.json()), send("SERVER")]).then((found) => {
  document.title = JSON.stringify([found[0].value, found[1].status]);
  document.body.append(document.title);
});
</script><body></body>"""


class _Page(BaseHTTPRequestHandler):
    text = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@needs("chromium")
@pytest.mark.long
def test_a_page_in_a_browser_sends_and_is_kept_from_what_is_not_its_own(tmp_path: Path) -> None:
    """A real one, from another origin: a beacon, a pixel, a preflighted request, and one with a key
    that names no page."""
    pages = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    Thread(target=pages.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{pages.server_address[1]}"
    try:
        with running(tmp_path, keys=KEYS.replace(SHOP, origin)) as door:
            text = PAGE.replace("DOOR", door.url).replace("KEY", WEB).replace("SERVER", SERVER)
            _Page.text = text.encode()
            shown = run(
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                *("--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"),
                *("--virtual-time-budget=8000", f"{origin}/"),
            )
    finally:
        pages.shutdown()
        pages.server_close()

    assert '[{"accepted":1,"rejected":[]},"rejected"]' in shown
    found = {event["event_type"]: event["customer_id"] for event in door.log.events}
    assert found == dict.fromkeys(("beacon", "pixel", "fetch"), "anon_7")
