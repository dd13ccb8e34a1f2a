"""The command line of the embedded Triton.

``docker-compose.yml`` has the command line of the containers; a test names each difference and its reason.
"""

from __future__ import annotations

from pathlib import Path

from serving.ports import LOOPBACK, Ports
from serving.readiness import ADMIN_HEADER

RESTRICTED = "shared-memory,model-repository,trace,logging"
"""APIs that reach beyond predicting; they are answered only with the admin key of this start."""
EXIT_SECONDS = 10
"""How long requests in flight may take to finish after SIGTERM."""
STUB_BYTES = 4 << 20
"""Shared memory of one Python-backend instance; it grows when a batch needs more."""


def flags(
    repository: Path | str,
    backends: Path,
    *,
    ports: Ports,
    poll_seconds: int,
    admin_key: str,
    shared_memory_prefix: str,
) -> list[str]:
    """Return Triton's arguments.

    Args:
        repository: The folder or URL that it polls.
        backends: The folder of its backends.
        ports: Where it listens, on the loopback interface.
        poll_seconds: How often it looks at the repository.
        admin_key: The key to the restricted APIs.
        shared_memory_prefix: What the names of its segments in ``/dev/shm`` begin with.
    """
    guard = f"{RESTRICTED}:{ADMIN_HEADER}={admin_key}"
    return [
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix}",
        f"--backend-config=python,shm-default-byte-size={STUB_BYTES}",
        "--model-control-mode=poll",
        f"--repository-poll-secs={poll_seconds}",
        # A version that fails to load must not take down the one before it.
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--exit-timeout-secs={EXIT_SECONDS}",
        "--disable-auto-complete-config",
        f"--http-address={LOOPBACK}",
        f"--http-port={ports.http}",
        f"--grpc-address={LOOPBACK}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-address={LOOPBACK}",
        f"--metrics-port={ports.metrics}",
        f"--http-restricted-api={guard}",
        f"--grpc-restricted-protocol={guard}",
        "--allow-gpu-metrics=false",
        "--allow-sagemaker=false",
        "--allow-vertex-ai=false",
        "--pinned-memory-pool-byte-size=0",
    ]
