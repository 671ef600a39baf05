"""`python -m access_policy.entrypoints.alive`: exit with 0 if this machine's API answers `/healthz`, else with 1 and a
reason.

The health check of the container. It imports only the standard library, because it runs every few seconds.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from collections.abc import Mapping
from typing import Final

TIMEOUT_S: Final = 5.0
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104  compared with, not listened on


def trouble(environment: Mapping[str, str]) -> str:
    """Return why the API does not answer; empty if it does."""
    host, _, port = environment.get("ACCESS_POLICY_HTTP", "127.0.0.1:8000").rpartition(":")
    address = (ANY_ADDRESS.get(host, host.strip("[]")), int(port))
    connection: http.client.HTTPConnection
    if environment.get("ACCESS_POLICY_HTTP_TLS_CERTIFICATE"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # it is this machine, whatever name the certificate has
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(*address, timeout=TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{address[0]}:{address[1]}: {error}"
    finally:
        connection.close()
    return "" if status == http.HTTPStatus.OK else f"{address[0]}:{address[1]}: status {status}"


if __name__ == "__main__":
    sys.exit(trouble(os.environ) or 0)
