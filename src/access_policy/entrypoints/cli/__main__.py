"""The program `access-policy`, also `python -m access_policy.entrypoints.cli`.

A shell that completes a line is answered before the commands are imported, which takes three times as long (ADR 0049).
"""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    if any(name.endswith("_COMPLETE") for name in os.environ):
        _answer_shell()
    gc.disable()  # imported modules stay: garbage collection takes a tenth of the import time
    from access_policy.entrypoints.cli.root import app

    gc.enable()
    app()


def _answer_shell() -> None:
    from access_policy.entrypoints.cli.completing.answering import answer, variable_of

    status = answer(os.environ, variable_of(os.path.basename(sys.argv[0])))
    if status is not None:
        sys.exit(status)


if __name__ == "__main__":
    main()
