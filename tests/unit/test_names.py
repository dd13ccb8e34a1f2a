"""Every path, command, option and module that the project's texts name exists."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from tests.conftest import ROOT

TEXTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "Makefile",
        "pyproject.toml",
        "docker-compose*.yml",
        ".pre-commit-config.yaml",
        "deploy/**/*",
        "serving/*.yaml",
        ".ci/*",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix != ".json" and path.name != "CHANGELOG.md"  # which tells of what is gone
)
texts = pytest.mark.parametrize("text", TEXTS, ids=[str(text.relative_to(ROOT)) for text in TEXTS])

MAKEFILE = (ROOT / "Makefile").read_text()
TOP = {
    path.name
    for path in ROOT.iterdir()
    if path.name != "build" and not re.match(r"\.(git|venv|staging|hypothesis|.*_cache)$", path.name)
}
FILES = [path for top in TOP for path in ((ROOT / top).rglob("*") if (ROOT / top).is_dir() else [ROOT / top])]
NAMES = {path.name for path in FILES}

FILE_KINDS = (".py", ".sh", ".md", ".yml", ".yaml", ".toml", ".lock", ".cfg", ".pbtxt", ".lua")
BUILT = re.compile(r"data/standin|data/.*\.csv|model_repository/(\*|\w+)/(\d|warmup)|docs/presentation/.*")
"""What a command makes, or people put there."""

COMMANDS = {
    **{name: f"{name}.__main__" for name in ("publishing", "evaluation", "evaluation.slides", "benchmarks", "serving")},
    "publishing.bucket": "publishing.bucket",
    "client.send_examples": "client.send_examples",
    "client.value_homes": "client.value_homes",
}
"""The command lines with options, and the module that defines each."""


def code(text: Path) -> str:
    """Return what a text shows as code; all of it where it is no Markdown. A command that goes on is one line."""
    content = text.read_text()
    if text.suffix == ".md":
        blocks = re.findall(r"^```\w*\n(.*?)^```", content, re.DOTALL | re.MULTILINE)
        spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", content, flags=re.DOTALL | re.MULTILINE))
        content = "\n".join([*blocks, *(" ".join(span.split()) for span in spans)])
    return re.sub(r"\\\n\s*", " ", content)


def targets(text: Path) -> Iterator[tuple[str, str]]:
    """Yield each `make` command of a text: its target, and what follows."""
    start = r"^\s*" if text.suffix == ".md" or text.parent.name == ".ci" else r"`"
    start = r"entry: " if text.name == ".pre-commit-config.yaml" else start
    yield from re.findall(rf"{start}(?:[A-Z_]+=\S+ )*make ([a-z]+)([^`\n]*)", code(text), re.MULTILINE)


def commands(text: Path) -> Iterator[tuple[str, str]]:
    """Yield each command line of a text: the module that runs, and its arguments."""
    for module, script, rest in re.findall(
        r"(?:python\S* (?:-B )?-m ([a-z][\w.]*)|python (client/\w+\.py)|--rm models\b)([^`\n|;]*)", code(text)
    ):
        yield module or script.removesuffix(".py").replace("/", ".") or "publishing", rest.partition(" # ")[0]


@cache
def options(name: str) -> dict[str, set[str]]:
    """Return the options of a command line by subcommand; those of a program without any under an empty name."""
    module = importlib.import_module(COMMANDS[name])
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command()(module.serve if name == "serving" else module.main)
    command = typer.main.get_command(app)
    own = {option for parameter in command.params for option in parameter.opts}
    below = {sub: {o for p in found.params for o in p.opts} for sub, found in getattr(command, "commands", {}).items()}
    return {"": own, **below}


@texts
def test_every_make_target_and_variable_exists(text: Path) -> None:
    known = set(re.findall(r"^(\w+):", MAKEFILE, re.MULTILINE))
    for target, rest in targets(text):
        assert target in known, f"make {target}"
        for variable in re.findall(r"\b([A-Z_]+)=", rest):
            assert f"$({variable})" in MAKEFILE, f"make {target} {variable}="


@texts
def test_every_command_runs_a_module_with_the_options_it_has(text: Path) -> None:
    for name, rest in commands(text):
        spec = find_spec(name)
        assert spec is not None, f"python -m {name}"
        if spec.submodule_search_locations is not None:
            assert find_spec(f"{name}.__main__") is not None, f"python -m {name}"
        given = re.findall(r"(?<![\w-])(--[a-z][\w-]*)", rest)
        if name in COMMANDS:
            first = re.match(r"\s*([a-z]\w*)", rest)
            known = options(name)
            allowed = known.get(first[1], set()) | known[""] if first else known[""]
            assert set(given) <= allowed, f"{name}{rest}"


@texts
def test_every_path_exists(text: Path) -> None:
    for token in re.findall(r"(?<![\w/$}{.*-])(?:\./)?([\w.-]+(?:/[\w.*-]+)*/?)", code(text)):
        first, _, rest = token.partition("/")
        if BUILT.match(token):
            continue
        if rest and first in TOP:
            assert list(ROOT.glob(token.rstrip("/."))), token
        elif "/" not in token and token.endswith(FILE_KINDS):
            assert token in NAMES, token


@texts
def test_every_link_leads_somewhere(text: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text.read_text()) if text.suffix == ".md" else []:
        if not link.startswith(("http://", "https://", "#")):
            assert (text.parent / link.partition("#")[0]).exists(), link


@texts
def test_every_module_exists(text: Path) -> None:
    rooms = "|".join(top for top in TOP if (ROOT / top / "__init__.py").is_file())
    for name in re.findall(rf"(?<![\w./-])((?:{rooms})(?:\.[a-z_]\w*)+)(?![\w/(-])", code(text)):
        if not name.endswith((*FILE_KINDS, ".csv", ".json")):
            assert find_spec(name) is not None, name
