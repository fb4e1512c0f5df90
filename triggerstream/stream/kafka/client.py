"""How every client of ours reaches the brokers: one set of options for all of them."""

from __future__ import annotations

import ssl
from typing import Any

from triggerstream.ops.settings import Kafka


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Return the keyword arguments with which any of aiokafka's clients connects.

    Raises:
        OSError: A certificate or key file cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap.split(","),
        "security_protocol": kafka.security.upper(),
    }
    if kafka.security.startswith("sasl"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        if kafka.sasl_password is not None:
            options["sasl_plain_password"] = kafka.sasl_password.get_secret_value()
    if kafka.security.endswith("ssl"):
        options["ssl_context"] = _trust(kafka)
    return options


def _trust(kafka: Kafka) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=kafka.tls_ca)
    if kafka.tls_cert is not None:
        password = kafka.tls_key_password
        context.load_cert_chain(
            kafka.tls_cert,
            kafka.tls_key,
            password.get_secret_value() if password is not None else None,
        )
    return context
