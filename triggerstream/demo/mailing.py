"""A mail server and its page beside an installation: what ``triggerstream up --mailbox`` adds."""

from __future__ import annotations

import socket
import sys
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from typing import Final

from triggerstream.demo.page import open_page
from triggerstream.demo.sinks import HOST, open_mailbox
from triggerstream.errors import UsageError
from triggerstream.ops.entered import Entered
from triggerstream.ops.settings import PREFIX

_SMTP: Final = f"{PREFIX}SENDER__SMTP__"
_SENDER: Final = "triggerstream@example.com"
"""Who writes, unless that is set."""
_OTHERS: Final = ("USERNAME", "PASSWORD", "PASSWORD_FILE")
"""What another server would be shown; ours asks for nothing."""


class Mailing(Entered):
    """Takes mails, and shows them on a page, within its block; listens from the beginning on.

    An asynchronous context manager.
    """

    def __init__(self) -> None:
        self._smtp = socket.create_server((HOST, 0))
        self._http = socket.create_server((HOST, 0))

    def lead_here(self, environ: MutableMapping[str, str]) -> None:
        """Set in *environ* that mails are sent here.

        Raises:
            UsageError: They go to another server: people would get what nobody is to get.
        """
        if host := environ.get(f"{_SMTP}HOST"):
            raise UsageError(
                f"--mailbox: required is that no mail server is set; found {_SMTP}HOST={host}, "
                "which would get the mails. Take it out, or leave out --mailbox"
            )
        for name in _OTHERS:
            environ.pop(f"{_SMTP}{name}", None)
        environ[f"{_SMTP}HOST"] = HOST
        environ[f"{_SMTP}PORT"] = str(self._smtp.getsockname()[1])
        environ[f"{_SMTP}SECURITY"] = "none"
        environ.setdefault(f"{_SMTP}SENDER", _SENDER)

    async def _enter(self, stack: AsyncExitStack) -> None:
        mailbox = await stack.enter_async_context(open_mailbox(self._smtp))
        url = await stack.enter_async_context(open_page(mailbox, listening=self._http))
        print(f"mails are kept here, and passed on to nobody: {url}", file=sys.stderr)
