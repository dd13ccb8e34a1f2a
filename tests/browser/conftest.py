"""One Triton, one desk and one Chromium for all tests of the pages; each test has a window of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from conversion.improved import convert_improved
from preprocessing.demographics import Demographics
from publishing.card import Card
from publishing.ensure import prepare
from publishing.publish import publish_converted
from publishing.repository import ANALYSIS, served
from serving.embedded import EmbeddedServer
from serving.ports import ANY_FREE, free
from tests.conftest import ROOT, copied
from tests.service.conftest import serve
from training.improved import ImprovedModel
from training.sales import Sales

CHROMIUM = Path("/usr/bin/chromium")
REQUIRED = "STACK_TESTS"
"""Set to ``required`` where a missing browser is a failure."""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@contextmanager
def running_desk(service: str, served_folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run ``python -m desk`` on a free port, asking ``service`` (host:port); yield the desk's address."""
    port = free(ANY_FREE).http
    given = {
        "DESK_PORT": str(port),
        "SERVICE_URL": f"http://{service}",
        "SERVED_FOLDER": str(served_folder),
        **(environment or {}),
    }
    with subprocess.Popen([sys.executable, "-B", "-m", "desk"], cwd=ROOT, env={**os.environ, **given}) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/ready", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, f"no desk at {url}"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium; say why the tests do not run where there is none."""
    if not CHROMIUM.exists():
        reason = f"needs Chromium as {CHROMIUM}"
        pytest.fail(reason) if os.environ.get(REQUIRED) == "required" else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def desk_repository(
    published: tuple[Path, Card],
    improved: ImprovedModel,
    sales: Sales,
    demographics: Demographics,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Copy the published repository, and publish a model that knows all columns."""
    repository = copied(published[0], tmp_path_factory.mktemp("desk") / "own")
    converted = convert_improved(improved, sales.table[sales.held_out])
    publish_converted(converted, sales, repository, "it knows more columns")
    prepare(repository, demographics)
    return repository


@pytest.fixture(scope="session")
def triton(desk_repository: Path) -> Iterator[EmbeddedServer]:
    """Serve what the desk asks."""
    with serve(served(desk_repository), desk_repository.parent) as server:
        server.wait_ready([ANALYSIS])
        yield server


@pytest.fixture(scope="session")
def desk(triton: EmbeddedServer, desk_repository: Path) -> Iterator[str]:
    """Run the desk; return its address."""
    with running_desk(triton.http_address, served(desk_repository).parent) as address:
        yield address


@dataclass
class Window:
    """Hold a browser's window and what went wrong in it: messages of its console, and requests to other hosts."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page of the desk."""
        self.page.goto(self.address + path)
        return self.page

    def violations(self) -> list[str]:
        """Return what axe-core finds wrong with the page as it is: a rule, its help and the elements of each."""
        found: list[dict[str, Any]] = Axe().run(self.page, options=AXE_RULES).response["violations"]
        return [f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]

    def overflows(self) -> bool:
        """Return whether the page can be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


Opener = Callable[..., Window]


@pytest.fixture
def open_window(browser: Browser, desk: str) -> Iterator[Opener]:
    """Return a function that opens a window; at the end no window may have had anything to complain about.

    A refused request of another host, a broken policy and a failing script are all said in the console.
    """
    windows: list[Window] = []

    def opened(address: str = desk, **options: Any) -> Window:
        context = browser.new_context(**{"viewport": WIDE, "locale": "en-US", **options})
        window = Window(context.new_page(), address)
        windows.append(window)

        def listen(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
                window.complaints.append(message.text)

        def watch(request: Request) -> None:
            if not request.url.startswith((address, "data:", "blob:")):
                window.elsewhere.append(request.url)

        window.page.on("console", listen)
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        context.on("request", watch)
        return window

    yield opened
    for window in windows:
        assert window.complaints == []
        assert window.elsewhere == []
        window.page.context.close()


@pytest.fixture
def window(open_window: Opener) -> Window:
    """Open a window as wide as a desk's screen."""
    return open_window()
