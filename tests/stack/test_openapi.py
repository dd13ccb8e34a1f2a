"""Whatever ``docs/openapi.yaml`` allows, and what it does not, gets from the gateway what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.stack.conftest import Stack

SEED = "1"
CASES = "10"
"""Of each operation and kind; beside them come all examples, and each limit from both sides."""

NOT_PROMISED = "positive_data_acceptance"
"""A home whose columns are each possible may be none all the same: its ZIP code is unknown, or areas don't add up."""


def test_every_operation_keeps_to_its_description(stack: Stack, tmp_path: Path) -> None:
    """No 5xx; statuses, types, headers and bodies as described; what the schemas forbid is refused; 405 says Allow."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(ROOT / "docs" / "openapi.yaml")),
        *(
            "--url",
            f"http://{stack.http}",
            "--seed",
            SEED,
            "--max-examples",
            CASES,
            "--continue-on-failure",
            "--workers",
            "4",
        ),
        *("--phases", "examples,coverage,fuzzing", "--checks", "all", "--exclude-checks", NOT_PROMISED),
        "--no-color",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
