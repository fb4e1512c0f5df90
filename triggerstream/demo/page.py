"""A page for people: the mails and webhooks that arrived here.

Everything on it was written by others. So it is escaped, a mail's HTML is an answer of its own
which may neither run nor load anything, and a page of another site that has its own name lead to
this machine gets nothing.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html import escape
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from triggerstream.demo.letters import Letter
from triggerstream.demo.sinks import HOST, Hook, Mailbox, Receiver

_REFRESH: Final = 5
"""Seconds after which the list is looked at again."""
_NAMES: Final = (HOST, "localhost")
"""Names by which this machine may be asked."""

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d0d0d0; --soft: #666; --bad: #b00020; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --soft: #aaa; --bad: #ff6b7f; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th, .soft { color: var(--soft); font-weight: normal; }
.bad { color: var(--bad); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem;
  border: 1px solid var(--line); }
td pre { margin: .3rem 0; padding: .5rem; font-size: .85em; }
iframe { width: 100%; height: 30rem; border: 1px solid var(--line); background: #fff; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HTML_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""A mail's own styles and pictures are shown; nothing is loaded, sent or run."""


class Page:
    """Shows what *mailbox* and *receiver* took, newest first."""

    def __init__(self, mailbox: Mailbox, receiver: Receiver | None = None) -> None:
        self._letters = mailbox.letters
        self._receiver = receiver

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_guard])
        application.router.add_get("/", self._list)
        application.router.add_get(r"/mails/{number:\d{1,9}}", self._mail)
        application.router.add_get(r"/mails/{number:\d{1,9}}/html", self._html)
        application.router.add_get(r"/mails/{number:\d{1,9}}.eml", self._raw)
        return application

    async def _list(self, _request: web.Request) -> web.Response:
        parts = [_mails(self._letters, self._letters.count)]
        if self._receiver is not None:
            parts.append(_hooks(self._receiver))
        refresh = f'<meta http-equiv="refresh" content="{_REFRESH}">'
        return _page("triggerstream: mails", "".join(parts), refresh)

    async def _mail(self, request: web.Request) -> web.Response:
        letter = self._asked(request)
        return _page(letter.header("Subject") or "(no subject)", _letter(letter))

    async def _html(self, request: web.Request) -> web.Response:
        html = self._asked(request).html
        if html is None:
            raise web.HTTPNotFound
        return _answer(html, "text/html", _HTML_POLICY)

    async def _raw(self, request: web.Request) -> web.Response:
        letter = self._asked(request)
        answer = web.Response(body=letter.content, content_type="message/rfc822")
        name = f"mail-{letter.number}.eml"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def _asked(self, request: web.Request) -> Letter:
        letter = self._letters.get(int(request.match_info["number"]))
        if letter is None:
            raise web.HTTPNotFound(text="there is no such mail, or it is not kept any more\n")
        return letter


@asynccontextmanager
async def open_page(
    mailbox: Mailbox, receiver: Receiver | None = None, listening: socket.socket | None = None
) -> AsyncIterator[str]:
    """Serve the page until the end of the block; yield its URL.

    Args:
        listening: Where; on a free port if left out.
    """
    listening = listening or socket.create_server((HOST, 0))
    runner = web.AppRunner(Page(mailbox, receiver).application(), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield f"http://{HOST}:{listening.getsockname()[1]}/"
    finally:
        await runner.cleanup()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only who asks this machine by its own name, and let nothing be taken for a page."""
    if request.host.partition(":")[0] not in _NAMES:
        raise web.HTTPForbidden(text=f"required is the address http://{HOST}\n")
    answer = await handler(request)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    return answer


# ── what is shown ───────────────────────────────────────────────────────────────────────────


def _mails(letters: Iterable[Letter], count: int) -> str:
    rows = [
        f'<tr><td class="soft">{letter.number}<td class="soft">{_time(letter.at)}'
        f"<td>{_text(', '.join(letter.recipients))}"
        f'<td><a href="/mails/{letter.number}">{_text(_subject(letter))}</a>'
        for letter in letters
    ]
    if not rows:
        return "<h1>Mails</h1><p>None came yet. This page looks again every few seconds.</p>"
    newest = "" if len(rows) == count else f", the newest {len(rows):,} of them here"
    return (
        f"<h1>Mails</h1><p>{count:,} came{newest}; none was passed on.</p>"
        f"<table><tr><th>no.<th>came<th>to<th>subject{''.join(rows)}</table>"
    )


def _hooks(receiver: Receiver) -> str:
    rows = [_hook(hook) for hook in reversed(receiver.hooks)]
    if not rows:
        return "<h1>Webhooks</h1><p>None came yet.</p>"
    return (
        f"<h1>Webhooks</h1><p>{receiver.accepted.total():,} came with a valid signature, "
        f"{receiver.refused:,} were refused.</p>"
        f"<table><tr><th>came<th>webhook-id<th>signature<th>body{''.join(rows)}</table>"
    )


def _hook(hook: Hook) -> str:
    verdict = "valid" if hook.is_valid else '<span class="bad">does not hold: refused</span>'
    body = hook.body.decode(errors="replace")
    return (
        f'<tr><td class="soft">{_time(hook.at)}<td>{_text(hook.webhook_id)}<td>{verdict}'
        f"<td><details><summary>{len(hook.body):,} bytes</summary><pre>{escape(body)}</pre>"
        "</details>"
    )


def _letter(letter: Letter) -> str:
    shown = [("From", letter.header("From")), ("To", letter.header("To"))]
    if (recipients := ", ".join(letter.recipients)) != letter.header("To"):
        shown.append(("Delivered to", recipients))
    shown.append(("Came", _time(letter.at)))
    rows = "".join(f"<tr><th>{name}<td>{_text(value)}" for name, value in shown)
    parts = [
        f'<p><a href="/">all mails</a> · <a href="/mails/{letter.number}.eml">as a file</a></p>',
        f"<h1>{_text(_subject(letter))}</h1><table>{rows}</table>",
    ]
    if (text := letter.text) is not None:
        parts.append(f"<h2>Text</h2><pre>{escape(text)}</pre>")
    if letter.html is not None:
        parts.append(
            '<h2>HTML</h2><p class="soft">Nothing in it is run or loaded, pictures of other hosts '
            "included, and its links lead nowhere here.</p>"
            f'<iframe sandbox src="/mails/{letter.number}/html" title="the HTML part"></iframe>'
        )
    return "".join(parts)


def _subject(letter: Letter) -> str:
    return letter.header("Subject") or "(no subject)"


def _text(value: str) -> str:
    """Return *value* escaped, and kept from turning the direction of what stands beside it."""
    return f"<bdi>{escape(value)}</bdi>"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _page(title: str, body: str, head: str = "") -> web.Response:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width">{head}<style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>\n"
    )
    return _answer(text, "text/html", _POLICY)


def _answer(text: str, content_type: str, policy: str) -> web.Response:
    # A surrogate, which no page can hold, may stand in what a mail says.
    body = text.encode(errors="replace")
    answer = web.Response(body=body, content_type=content_type, charset="utf-8")
    answer.headers["Content-Security-Policy"] = policy
    return answer
