"""The page of mails: what is on it was written by others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

import aiohttp
import pytest

from triggerstream.demo.page import open_page
from triggerstream.demo.sinks import Hook, Mailbox, Receiver

CHROMIUM = shutil.which("chromium")
NASTY = "<script>document.title='run'</script>"


def mail(subject: str, text: str = "text", html: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


@pytest.fixture(name="mailbox")
def _mailbox() -> Mailbox:
    return Mailbox(0)


@asynccontextmanager
async def page(
    mailbox: Mailbox, receiver: Receiver | None = None
) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    async with open_page(mailbox, receiver) as url, aiohttp.ClientSession(url) as session:
        yield url, session


async def text_of(mailbox: Mailbox, path: str, receiver: Receiver | None = None) -> str:
    async with page(mailbox, receiver) as (_, session), session.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_the_newest_mail_comes_first(mailbox: Mailbox) -> None:
    for subject in ("older", "newer"):
        mailbox.letters.add(0, ("b@example.com",), mail(subject))

    shown = await text_of(mailbox, "/")

    assert shown.index("newer") < shown.index("older")
    assert "2 came; none was passed on." in shown


async def test_a_page_without_mails_says_so(mailbox: Mailbox) -> None:
    assert "None came yet" in await text_of(mailbox, "/")


@pytest.mark.parametrize("path", ["/", "/mails/1"])
async def test_what_a_mail_says_is_shown_and_not_run(mailbox: Mailbox, path: str) -> None:
    mailbox.letters.add(0, (NASTY,), mail(NASTY, NASTY, NASTY))

    shown = await text_of(mailbox, path)

    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


async def test_a_mails_html_may_neither_run_nor_load_anything(mailbox: Mailbox) -> None:
    mailbox.letters.add(0, (), mail("a", html="<p>as it is</p>"))

    async with page(mailbox) as (_, session), session.get("/mails/1/html") as answer:
        assert await answer.text() == "<p>as it is</p>\n"
        policy = answer.headers["Content-Security-Policy"].split("; ")

    assert {"sandbox", "default-src 'none'", "form-action 'none'"} <= set(policy)
    assert not any("script-src" in rule or "allow-" in rule for rule in policy)


async def test_a_mails_html_stands_in_a_frame_without_any_right(mailbox: Mailbox) -> None:
    mailbox.letters.add(0, (), mail("a", html="<p>b</p>"))

    assert '<iframe sandbox src="/mails/1/html"' in await text_of(mailbox, "/mails/1")


@pytest.mark.parametrize("path", ["/", "/mails/1"])
async def test_the_page_allows_its_own_style_and_nothing_else(mailbox: Mailbox, path: str) -> None:
    mailbox.letters.add(0, (), mail("a"))

    async with page(mailbox) as (_, session), session.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        style = re.findall(r"<style>(.*?)</style>", await answer.text(), re.DOTALL)

    (only,) = style
    allowed = base64.b64encode(hashlib.sha256(only.encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy
    assert "prefers-color-scheme: dark" in only


async def test_a_mail_is_given_as_the_file_that_came(mailbox: Mailbox) -> None:
    sent = mail("a")
    mailbox.letters.add(0, (), sent)

    async with page(mailbox) as (_, session), session.get("/mails/1.eml") as answer:
        assert await answer.read() == sent
        assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("path", ["/mails/2", "/mails/2/html", "/mails/1/html", "/mails/x", "/a"])
async def test_what_is_not_there_is_not_found(mailbox: Mailbox, path: str) -> None:
    mailbox.letters.add(0, (), mail("a"))

    async with page(mailbox) as (_, session), session.get(path) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:80", 200), ("localhost", 200), ("mails.example.com", 403), ("127.0.0.1.a.b", 403)],
)
async def test_a_site_that_leads_its_own_name_here_gets_nothing(
    mailbox: Mailbox, host: str, status: int
) -> None:
    async with (
        page(mailbox) as (_, session),
        session.get("/", headers={"Host": host}) as answer,
    ):
        assert answer.status == status


async def test_webhooks_are_shown_with_what_their_signature_came_to(mailbox: Mailbox) -> None:
    receiver = Receiver()
    receiver.hooks.append(Hook(0, "msg_1", True, b'{"a": "<b>"}'))
    receiver.hooks.append(Hook(0, "msg_2", False, b"\xff"))

    shown = await text_of(mailbox, "/", receiver)

    newest, oldest = shown.index("msg_2"), shown.index("msg_1")
    assert newest < shown.index("does not hold") < oldest < shown.index("<td>valid")
    assert "{&quot;a&quot;: &quot;&lt;b&gt;&quot;}" in shown


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_a_browser_shows_both_parts_and_runs_neither(mailbox: Mailbox) -> None:
    html = f"<h3>Big news</h3>{NASTY}<img src=x onerror=\"document.title='run'\">"
    mailbox.letters.add(0, ("b@example.com",), mail(f"Sale {NASTY}", f"in text {NASTY}", html))

    async with page(mailbox) as (url, _):
        shown = await browsed(f"{url}mails/1")
        framed = await browsed(f"{url}mails/1/html")

    title = re.search(r"<title>(.*?)</title>", shown)
    assert title is not None
    assert title[1].startswith("Sale ")
    assert "in text &lt;script&gt;" in shown
    assert "<h3>Big news</h3>" in framed
    assert "<title>run" not in framed


async def browsed(url: str) -> str:
    """Return what a browser has made of the page at *url*."""
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", url]
    browser = await asyncio.create_subprocess_exec(
        str(CHROMIUM), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await browser.communicate()
    assert browser.returncode == 0
    return out.decode()
