"""``python -m publishing.bucket push s3://bucket/prefix``: a bucket serves what the repository here serves.

Every Triton that polls the bucket follows. Unlike a folder, a bucket has no renaming, so a version
appears object by object, and Triton may look at any moment. It looks at an object's time of change,
in whole seconds, and takes up what it finds when the newest time under a model's folder has grown;
that something was deleted it never notices. Hence the rules here:

- A model's ``config.pbtxt`` names the versions that serve. What it does not name may come and go.
- A version's objects come first, ``config.pbtxt`` last: one object, so the change is whole or not there.
- ``config.pbtxt`` is always newer, by the bucket's own clock, than everything else of its model.
- Versions never change; those that the bucket has stopped serving are deleted by the next push.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from conversion import Refused
from data.command_line import run
from publishing.repository import ANALYSIS, ENSEMBLES, PREPROCESSING, PRICE_MODEL, VERSION_NAME, served, versions

CONFIG = "config.pbtxt"
WARMUP = "warmup"
DIGEST = "sha256"
"""An object's own metadata: its ETag is a digest only where the bucket does not encrypt."""

_URL = re.compile(r"s3://(?:(?P<endpoint>https?://[^/]+)/)?(?P<bucket>[a-z0-9][a-z0-9.-]+)(?:/(?P<prefix>[\w./-]+))?")
_LATEST = re.compile(r"^version_policy \{ latest \{ num_versions: (\d+) \} \}$", re.MULTILINE)
_SPECIFIC = re.compile(r"^version_policy \{ specific \{ versions: \[ ([\d, ]+) \] \} \}$", re.MULTILINE)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bucket:
    """Hold the part of a bucket that is a model repository; keys are paths inside it."""

    client: Any
    name: str
    prefix: str

    @classmethod
    def open(cls, url: str) -> Bucket:
        """Open the bucket of the URL that Triton is given; credentials and region are found as AWS tools do.

        Raises Refused when it is no such URL, or boto3 is missing.
        """
        parts = _URL.fullmatch(url.rstrip("/"))
        if parts is None:
            raise Refused(f"{url!r} is neither s3://bucket/prefix nor s3://https://host:port/bucket/prefix")
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError as error:
            raise Refused("a bucket takes boto3, which is not installed: pip install boto3") from error
        # Triton asks an endpoint of one's own for /bucket/key, not for a host named after the bucket.
        style = Config(s3={"addressing_style": "path" if parts["endpoint"] else "auto"})
        client = boto3.client("s3", endpoint_url=parts["endpoint"], config=style)
        return cls(client, parts["bucket"], f"{parts['prefix']}/" if parts["prefix"] else "")

    def times(self, folder: str) -> dict[str, datetime]:
        """Return when each object under a folder was written, to the second, as Triton is told."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=f"{self.prefix}{folder}/"
        )
        return {
            found["Key"].removeprefix(self.prefix): found["LastModified"].replace(microsecond=0)
            for page in pages
            for found in page.get("Contents", [])
        }

    def read(self, key: str) -> str:
        """Return an object as text."""
        body = self.client.get_object(Bucket=self.name, Key=self.prefix + key)["Body"]
        return str(body.read().decode())

    def digest(self, key: str) -> str:
        """Return the SHA-256 of the object as it was written; empty for one that was not written from here."""
        return str(self.client.head_object(Bucket=self.name, Key=self.prefix + key)["Metadata"].get(DIGEST, ""))

    def write(self, key: str, content: bytes) -> None:
        """Write one object, which appears whole."""
        metadata = {DIGEST: hashlib.sha256(content).hexdigest()}
        self.client.put_object(Bucket=self.name, Key=self.prefix + key, Body=content, Metadata=metadata)

    def delete(self, key: str) -> None:
        """Delete one object."""
        self.client.delete_object(Bucket=self.name, Key=self.prefix + key)


def push(repository: Path, url: str) -> dict[str, list[int]]:
    """Make the bucket serve what a served repository does: new versions go live, those rolled back here go.

    Returns the versions that each model serves. Only one push may run at a time. Raises Refused.
    """
    models = [repository / name for name in (PRICE_MODEL, PREPROCESSING, ANALYSIS, *ENSEMBLES)]  # in the order of need
    serving = {model.name: _served_here(model) for model in models}
    if missing := [name for name, numbers in serving.items() if not numbers]:
        raise Refused(f"{repository} has no version of {', '.join(missing)}: `make models` publishes what is missing")
    with _opened(url) as bucket:
        for model in models:
            _upload(model, serving[model.name], bucket)
        for model in models:
            config = _LATEST.sub("", (model / CONFIG).read_text()).rstrip()
            _commit(model.name, f"{config}\n\n{_policy(serving[model.name])}\n", bucket)
    return serving


def roll_back(url: str) -> tuple[int, int]:
    """Stop serving the price model's newest version; return its number and that of the one which now serves.

    For when the repository is not at hand: its own next push goes by what it then holds. Raises Refused.
    """
    with _opened(url) as bucket:
        numbers = _served_there(PRICE_MODEL, bucket)
        if len(numbers) < 2:
            raise Refused(f"the bucket serves {len(numbers)} version(s) of {PRICE_MODEL}: rolling back needs two")
        config = bucket.read(f"{PRICE_MODEL}/{CONFIG}")
        _commit(PRICE_MODEL, _SPECIFIC.sub(_policy(numbers[:-1]), config), bucket)
    return numbers[-1], numbers[-2]


@contextmanager
def _opened(url: str) -> Iterator[Bucket]:
    """Yield the bucket; errors of the S3 client become Refused."""
    bucket = Bucket.open(url)
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield bucket
    except (BotoCoreError, ClientError) as error:
        raise Refused(f"{url}: {error}") from error


def _upload(model: Path, serving: Sequence[int], bucket: Bucket) -> None:
    already = _served_there(model.name, bucket)
    present = bucket.times(model.name)
    for key in [key for key in present if (number := _version(key)) is not None and number not in already]:
        bucket.delete(key)
        del present[key]
    for path in _files(model, serving):
        key = f"{model.name}/{path.relative_to(model).as_posix()}"
        content = path.read_bytes()
        if key in present and bucket.digest(key) == hashlib.sha256(content).hexdigest():
            continue
        if _version(key) in already:
            raise Refused(
                f"version {_version(key)} of {model.name} is another one in the bucket than in {model}, and versions "
                "that serve never change: take it back there first (`python -m publishing.bucket rollback`); a "
                "repository that was built anew goes to a prefix of its own"
            )
        bucket.write(key, content)


def _commit(model: str, config: str, bucket: Bucket) -> None:
    key = f"{model}/{CONFIG}"
    before = bucket.times(model)
    written = before.pop(key, None)
    if written and bucket.read(key) == config and all(written > other for other in before.values()):
        return
    newest = max([*before.values(), *([written] if written else [])])
    bucket.write(key, config.encode())
    while bucket.times(model)[key] <= newest:
        time.sleep(1)  # Triton, too, would take it for no change
        bucket.write(key, config.encode())
    log.info("%s serves %s", model, ", ".join(map(str, _named(config))))


def _served_here(model: Path) -> list[int]:
    policy = _LATEST.search((model / CONFIG).read_text())
    return versions(model)[-int(policy[1]) if policy else -1 :]


def _served_there(model: str, bucket: Bucket) -> list[int]:
    key = f"{model}/{CONFIG}"
    if key not in bucket.times(model):
        return []
    numbers = _named(bucket.read(key))
    if not numbers:
        raise Refused(f"{key} in the bucket names no versions, so it was not pushed from here: take another prefix")
    return numbers


def _named(config: str) -> list[int]:
    policy = _SPECIFIC.search(config)
    return sorted(map(int, policy[1].split(","))) if policy else []


def _policy(numbers: Sequence[int]) -> str:
    return f"version_policy {{ specific {{ versions: [ {', '.join(map(str, numbers))} ] }} }}"


def _version(key: str) -> int | None:
    """Return the version that an object belongs to; None for the model's own files."""
    number = key.split("/")[1]
    return int(number) if VERSION_NAME.fullmatch(number) else None


def _files(model: Path, numbers: Sequence[int]) -> Iterator[Path]:
    for folder in (WARMUP, *map(str, numbers)):
        yield from sorted(path for path in (model / folder).rglob("*") if path.is_file())


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Url = Annotated[
    str, typer.Argument(help="What Triton polls: s3://bucket/prefix, or s3://https://host:port/bucket/prefix.")
]


@app.command("push")
def push_command(
    url: Url,
    repository: Annotated[Path, typer.Option(envvar="MODEL_REPOSITORY", exists=True)] = Path("model_repository"),
) -> None:
    """Serve what this repository serves, wherever the bucket is polled."""
    for model, numbers in push(served(repository), url).items():
        Console().print(f"{model}: version {' and '.join(map(str, numbers))}")


@app.command("rollback")
def rollback_command(url: Url) -> None:
    """Stop serving the price model's newest version."""
    removed, serving = roll_back(url)
    Console().print(f"Version {serving} answers from the next poll on. The next push goes by its repository again,")
    Console().print(f"so roll version {removed} back there as well.")


if __name__ == "__main__":
    run(app, Refused, level=logging.WARNING)
