"""Imports run one way, in no cycle, and a module is worth its file. ``pytest -s`` prints the figures."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

from tests.conftest import ROOT

FROM_DATA_TO_SERVICE = ("preprocessing", "market_analysis", "data", "training", "conversion", "publishing")
"""Each may import from those before it."""
MAY_IMPORT = {
    **{room: set(FROM_DATA_TO_SERVICE[:place]) for place, room in enumerate(FROM_DATA_TO_SERVICE)},
    # One reader of tables for the firm's files and for those that clients value.
    "data": {"preprocessing", "data.tabular"},
    "data.tabular": set(),
    "serving": set(),
    "client": {"data.tabular"},
    # Of preprocessing it takes words and limits of columns, which are plain data.
    "desk": {"preprocessing", "client", "data.tabular"},
    "evaluation": {"preprocessing", "market_analysis", "data", "training", "conversion", "evaluation.six_months"},
    # It asks the gate itself what it would have said.
    "evaluation.six_months": {"training", "conversion", "publishing", "evaluation"},
    # Of preprocessing and training it takes constants: names of columns, the coverage that a range aims at.
    "evaluation.slides": {"preprocessing", "training", "evaluation"},
    "evaluation.slides.__main__": {"data", "evaluation", "evaluation.slides"},
    # `report` builds the slides of what it has found.
    "evaluation.__main__": {"data", "training", "evaluation", "evaluation.six_months", "evaluation.slides"},
    "openapi": {"preprocessing"},
    "benchmarks": {*FROM_DATA_TO_SERVICE, "serving"},
}
"""The rooms of the project: what each may import beside its own modules, type hints and late imports included."""

FEWEST_LINES = 30
SMALL = {
    "benchmarks.peers.fastapi_onnx.server": "a program of its own, run in an environment of its own",
    "benchmarks.peers.fastapi_sklearn.server": "a program of its own, run in an environment of its own",
}
"""Modules of fewer lines, and why each is one."""

DUPLICATE_LINES = 6


def modules() -> dict[str, Path]:
    """Find every module of the project by its dotted name."""
    found = chain.from_iterable((ROOT / room).rglob("*.py") for room in {room.split(".")[0] for room in MAY_IMPORT})
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in found}


MODULES = modules()


def imports(name: str, path: Path) -> set[str]:
    """Return the project's modules that one imports anywhere in its source."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            found |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return found & MODULES.keys() - {name}


IMPORTS = {name: imports(name, path) for name, path in MODULES.items()}


def room(module: str) -> str:
    """Return the innermost room that a module is in."""
    return max((room for room in MAY_IMPORT if f"{module}.".startswith(f"{room}.")), key=len)


def duplicates() -> list[str]:
    """Find runs of ``DUPLICATE_LINES`` lines of code in more than one place; return the places of each."""
    places: dict[tuple[str, ...], list[str]] = {}
    for name, path in MODULES.items():
        stripped = (line.strip() for line in path.read_text().splitlines())
        lines = [line for line in stripped if line and not line.startswith(("#", "import ", "from ", '"""', ")"))]
        for start in range(len(lines) - DUPLICATE_LINES + 1):
            places.setdefault(tuple(lines[start : start + DUPLICATE_LINES]), []).append(name)
    return [" and ".join(names) for names in places.values() if len(names) > 1]


def test_no_modules_import_each_other_in_a_cycle() -> None:
    order = list(TopologicalSorter(IMPORTS).static_order())  # raises CycleError, which names the cycle
    assert set(order) == set(MODULES)


def test_imports_run_one_way() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, found in IMPORTS.items()
        for imported in found
        if room(imported) != room(name) and room(imported) not in MAY_IMPORT[room(name)]
    ]
    assert wrong == []


def test_a_small_module_has_a_reason() -> None:
    sizes = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    starts = {name for name, path in MODULES.items() if 'if __name__ == "__main__"' in path.read_text()}
    named = {name for name, path in MODULES.items() if path.stem.startswith("__")}
    assert {name for name in sizes.keys() - starts - named if sizes[name] < FEWEST_LINES} == SMALL.keys()
    repeated = duplicates()
    print(  # noqa: T201
        "\nimport cycles 0, direction held",
        f"{sum(sizes.values()):,} lines of Python outside tests, in {len(sizes)} modules",
        f"modules under {FEWEST_LINES} lines: {len(SMALL)}",
        *(f"  {name}, {sizes[name]}: {reason}" for name, reason in SMALL.items()),
        f"runs of {DUPLICATE_LINES} lines in more than one place: {len(repeated)}",
        *(f"  {places}" for places in sorted(set(repeated))),
        sep="\n",
    )
