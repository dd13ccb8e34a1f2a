"""``python -m serving``: the embedded Triton in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from serving.bundle import ServerUnavailable
from serving.companion import keep_running
from serving.embedded import EmbeddedServer
from serving.log import LogFilter, follow
from serving.ports import DESK_PORT, LOOPBACK, Ports, free_ports
from serving.replica import Stop
from serving.supervisor import supervise

PROJECT = Path(__file__).parent.parent
SHOWN_MODEL = "house_price_single"
AWAITED_MODELS = [SHOWN_MODEL, "house_price", "house_price_minimal"]
LOOK_SECONDS = 0.2
LOG_SECONDS = 5.0
"""How long the line to copy waits for the log, which may lag behind the models: it is to come last."""
DESK_SECONDS = 60.0
"""How long the desk's address waits for the desk, which busy processors start slowly."""


def _say(console: Console, text: str) -> None:
    """Print one line exactly as it is, not wrapped, coloured or replaced, so that it can be copied."""
    console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def serve(
    repository: Annotated[
        Path, typer.Option(envvar="MODEL_REPOSITORY", help="The repository that people put versions into.")
    ] = PROJECT / "model_repository",
    door: Annotated[bool, typer.Option(help="Serve what the door admits from it; otherwise all of it.")] = True,
    http_port: Annotated[int, typer.Option(envvar="HTTP_PORT", help="Port for JSON over HTTP.")] = 8000,
    grpc_port: Annotated[int, typer.Option(envvar="GRPC_PORT", help="Port for gRPC.")] = 8001,
    metrics_port: Annotated[int, typer.Option(envvar="METRICS_PORT", help="Port for Prometheus.")] = 8002,
    desk: Annotated[bool, typer.Option(help="Serve the agent's desk beside Triton.")] = True,
    desk_port: Annotated[int, typer.Option(envvar="DESK_PORT", help="Port for the agent's desk.")] = DESK_PORT,
    wait_for: Annotated[list[str], typer.Option(help="A model that must serve; may be repeated.")] = AWAITED_MODELS,
    example: Annotated[
        typer.FileText | None, typer.Option(help="A JSON object for the printed curl line; - reads it from stdin.")
    ] = None,
    log: Annotated[Path, typer.Option(help="The server's complete log.")] = PROJECT / "build" / "triton.log",
) -> None:
    """Serve the model repository on the loopback interface."""
    home = json.dumps(json.load(example)) if example else None
    out, err = Console(), Console(stderr=True)
    logging.basicConfig(format="%(message)s")
    polled = served(repository) if door else repository
    server = EmbeddedServer(polled, log_path=log, ports=Ports(http_port, grpc_port, metrics_port))
    stopping = _stop_on_signals(server)
    beside: list[threading.Thread] = []
    try:
        server.start()
        desk_port = free_ports({"DESK_PORT": desk_port})["DESK_PORT"] if desk else 0
        if desk:
            beside.append(threading.Thread(target=_keep_desk, args=(desk_port, polled, server, stopping)))
            beside[-1].start()
        told = threading.Event()
        threading.Thread(target=_show_log, args=(server, out, set(wait_for), told), daemon=True).start()
        _wait(server, wait_for, stopping, out)
        if not stopping.is_set():
            told.wait(LOG_SECONDS)
            if desk:
                _wait_for_desk(desk_port, stopping)
            _announce(server, out, home, desk_port)
            if door:
                beside.append(threading.Thread(target=_keep_door, args=(repository, server, stopping)))
                beside[-1].start()
        supervise(server, wait_for, stopping)
    except ServerUnavailable as error:
        _say(err, str(error))
        raise typer.Exit(1) from error
    finally:
        stopping.set()
        server.stop()
        for thread in beside:
            thread.join()
    _say(out, "Stopped")


def served(repository: Path) -> Path:
    """Return what Triton polls: the repository that the door fills. ``publishing.repository`` has the same rule."""
    named = os.environ.get("SERVED_FOLDER")
    return (Path(named) if named else repository.resolve().parent / "build" / "served") / "models"


def _keep_door(repository: Path, server: EmbeddedServer, stopping: Stop) -> None:
    command = ["-m", "publishing", "door", "--repository", str(repository.resolve()), "--service", server.http_address]
    keep_running("The door", [sys.executable, "-B", *command], stopping, PROJECT)


def _keep_desk(port: int, polled: Path, server: EmbeddedServer, stopping: Stop) -> None:
    environment = {
        "DESK_PORT": str(port),
        "DESK_HOST": LOOPBACK,
        "SERVICE_URL": f"http://{server.http_address}",
        "SERVED_FOLDER": str(polled.resolve().parent),
    }
    keep_running("The desk", [sys.executable, "-B", "-m", "desk"], stopping, PROJECT, environment)


def _wait_for_desk(port: int, stopping: Stop) -> None:
    """Wait until the desk listens: its address is no use before. What keeps it away stands in its own words above."""
    deadline = time.monotonic() + DESK_SECONDS
    while not stopping.is_set() and time.monotonic() < deadline:
        try:
            socket.create_connection((LOOPBACK, port), timeout=LOOK_SECONDS).close()
        except OSError:
            time.sleep(LOOK_SECONDS)
        else:
            return


def _wait(server: EmbeddedServer, models: list[str], stopping: Stop, out: Console) -> None:
    message = f"Loading {', '.join(models)}"
    if out.is_terminal:
        with out.status(message):
            server.wait_ready(models, stopping=stopping)
    else:
        _say(out, message)
        server.wait_ready(models, stopping=stopping)


def _announce(server: EmbeddedServer, out: Console, home: str | None, desk_port: int) -> None:
    if desk_port:
        _say(out, f"Desk     http://{LOOPBACK}:{desk_port}")
    _say(out, f"HTTP     http://{server.http_address}")
    _say(out, f"gRPC     {server.grpc_address}")
    _say(out, f"Metrics  http://{server.metrics_address}/metrics")
    if home:
        address = f"http://{server.http_address}/v2/models/{SHOWN_MODEL}/generate"
        _say(out, f"curl -s {address} -d {shlex.quote(home)}")


def _show_log(server: EmbeddedServer, out: Console, models: set[str], told: threading.Event) -> None:
    """Show the log of each start of the server; set ``told`` once it has said that all ``models`` are live."""
    shown_of = None
    while True:
        process = server.pid
        if process in (shown_of, None):
            time.sleep(LOOK_SECONDS)
            continue
        shown_of, shown = process, LogFilter()
        for line in follow(server.log_path, until=partial(_is_over, server, process)):
            for readable in shown.readable(line):
                _say(out, readable)
            if models <= shown.live:
                told.set()


def _is_over(server: EmbeddedServer, process: int) -> bool:
    """Return whether this process of the server has ended, or another one has taken its place."""
    return server.pid != process or not server.is_alive


def _stop_on_signals(server: EmbeddedServer) -> Stop:
    """Return an event that the first Ctrl-C or SIGTERM sets, so that requests in flight may finish.

    A second one kills the server. The handler raises nothing: an exception within a print would print the line twice.
    """
    stopping = Stop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            server.kill()
        stopping.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stopping


if __name__ == "__main__":
    typer.run(serve)
