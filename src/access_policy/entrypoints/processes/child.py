"""A process under the supervisor: `python -m access_policy.entrypoints.processes.child PART DESCRIPTOR`."""

from __future__ import annotations

import gc
import logging
import signal
import sys

from access_policy.entrypoints.processes import loops
from access_policy.entrypoints.processes.control import Report, SupervisorChannel
from access_policy.entrypoints.processes.failures import CannotRun, explained
from access_policy.entrypoints.processes.logs import configure_logs
from access_policy.entrypoints.processes.parts import Part, PartName, part_of
from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings

log = logging.getLogger(__name__)

CANNOT_RUN = 78  # exit status (EX_CONFIG)
FAILED = 1


def main(name: PartName, descriptor: int) -> int:
    """Serve until SIGTERM; Ctrl-C reaches the supervisor, which stops its children in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = SupervisorChannel(descriptor)
    part = part_of(Settings(), name)
    configure_logs(part.settings, process=part.name)
    try:
        with explained():
            loops.run(_serve(part, channel))
    except CannotRun as failure:
        if channel.has_reported:
            log.error("the process is ending: %s", failure)
        else:
            channel.report(Report(failure=str(failure)))
        return CANNOT_RUN
    except Exception:
        log.exception("the process failed")
        return FAILED
    return 0


async def _serve(part: Part, channel: SupervisorChannel) -> None:
    gc.disable()  # imported modules stay: garbage collection takes a seventh of the import time
    from access_policy.entrypoints.processes.service import Service

    service = Service(part.settings, part)  # imports the HTTP application of the part
    gc.enable()

    async def ready(_: Service) -> None:
        if ProcessRole.GATEWAY in part.settings.roles:
            channel.report(Report(ports={"ocpp": service.ocpp_port}))
        else:
            channel.report(Report(ports={"http": service.http_port}))

    await service.run(ready)


if __name__ == "__main__":
    sys.exit(main(PartName(sys.argv[1]), int(sys.argv[2])))
