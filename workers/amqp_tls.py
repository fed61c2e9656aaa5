"""How AMQP connections check the broker's certificate. Pure."""

from __future__ import annotations

import ssl
from typing import Any


def tls_options(ca_file: str | None, host: str) -> dict[str, Any]:
    """What py-amqp, kombu and Celery take as `ssl`: a certificate for this host by an authority of `ca_file`, None: one that the machine trusts.

    >>> tls_options(None, "mq")["server_hostname"]
    'mq'
    """
    return {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca_file, "server_hostname": host}
