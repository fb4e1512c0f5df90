"""Whether a Kafka answers, asked before anything else, and told in words within seconds.

aiokafka waits for an answer of whoever listens at an address, its request timeout long and once
for each attempt; a wrong port is found after half a minute of silence. So is a topic that is not
there, when it is asked for by a consumer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from triggerstream.errors import SettingsError, UnreachableError
from triggerstream.ops.settings import BOOTSTRAP, Settings

WITHIN: Final = 2.5
"""Seconds within which a broker must have answered."""


async def reach(options: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the topics that the brokers have.

    Args:
        options: How to reach the brokers (`client.client_options`).

    Raises:
        UnreachableError: No broker answers within `WITHIN`, or it refuses, or it is no Kafka.
    """
    addresses = ",".join(options["bootstrap_servers"])
    admin = AIOKafkaAdminClient(**options)
    try:
        async with asyncio.timeout(WITHIN):
            await admin.start()
            return frozenset(await admin.list_topics())
    except TimeoutError as error:
        why = await _why_silent(options["bootstrap_servers"])
        raise unreachable(addresses, why) from error
    except (KafkaError, OSError) as error:
        why = await _why_silent(options["bootstrap_servers"], str(error) or type(error).__name__)
        raise unreachable(addresses, why) from error
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await admin.close()


@contextlib.contextmanager
def reaching(settings: Settings, otherwise: str = "") -> Iterator[None]:
    """Tell what Kafka's client raises in the words of whoever set it up.

    Args:
        otherwise: Told behind that an address is the default.

    Raises:
        UnreachableError: The brokers do not answer, or refuse.
        SettingsError: A certificate or key file cannot be read.
    """
    try:
        yield
    except UnreachableError as error:
        is_default = "bootstrap" not in settings.kafka.model_fields_set
        if not (is_default and str(error).startswith(BOOTSTRAP)):
            raise
        msg = f"{error}. It is the default, since {BOOTSTRAP} is not set{otherwise}"
        raise UnreachableError(msg) from error
    except (KafkaError, ConnectionError) as error:
        raise unreachable(settings.kafka.bootstrap, error) from error
    except OSError as error:
        if settings.kafka.security.endswith("ssl"):
            msg = f"TRIGGERSTREAM_KAFKA__TLS_…: required are readable PEM files; found: {error}"
            raise SettingsError(msg) from error
        raise


def unreachable(addresses: str, why: object) -> UnreachableError:
    """Return the error that says what was found at *addresses* instead of brokers that answer."""
    required = f"{BOOTSTRAP}: required are brokers that answer"
    return UnreachableError(f"{required}; found {addresses} ({why})")


async def _why_silent(servers: list[str], otherwise: str = "") -> str:
    """Return what stands at the first of *servers*, in words, by connecting to it once more."""
    host, _, port = servers[0].rpartition(":")
    try:
        async with asyncio.timeout(0.5):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except ConnectionRefusedError:
        return "nobody listens there"
    except socket.gaierror:
        return f"there is no host {host!r}"
    except (TimeoutError, OSError):
        return "there is no way to it"
    writer.close()
    return otherwise or f"who listens there has not answered as a Kafka does within {WITHIN:g} s"
