"""A document as YAML that people read: in the order in which it was built, long texts as they stand."""

from __future__ import annotations

from typing import Any

import yaml

WIDTH = 120
"""Characters of a line."""

FIRST_LINE = (
    "# Written by `make openapi` from the columns, the models' configurations and the gateway's. Don't edit it.\n"
)


class _Dumper(yaml.SafeDumper):
    """Write texts of several lines as they stand, and each part where it belongs instead of a reference to it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip() else None)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    plain = all(isinstance(item, int | float | str) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=plain)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def as_yaml(document: dict[str, Any]) -> str:
    """Return a document of dictionaries, lists and plain values as YAML."""
    return FIRST_LINE + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
