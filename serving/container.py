"""``python -m serving.container FLAGS``: lays out the backends and becomes the bundled Triton, with these flags.

It serves a container, which ends with its server and takes all that was laid out with it.
"""

from __future__ import annotations

import os
import sys

from serving import stub_check
from serving.bundle import find_bundle
from serving.embedded import server_environment
from serving.workspace import Workspace


def main() -> None:
    """Replace this process by the server; raises serving.bundle.ServerUnavailable where it cannot run."""
    bundle = find_bundle()
    workspace = Workspace()
    backends = workspace.lay_out_backends(bundle)
    environment = server_environment(bundle, workspace.lay_out_libraries(bundle), os.environ)
    stub_check.check(backends / "python" / bundle.python_stub.name, environment)
    command = [str(bundle.binary), *sys.argv[1:], f"--backend-directory={backends}"]
    os.execve(bundle.binary, command, environment)


if __name__ == "__main__":
    main()
