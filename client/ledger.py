"""The files that a long run writes, so that it can be interrupted at any moment and go on later.

Beside the output stands a ``.progress`` file until the run is complete. It says how much of each file
is settled. Whatever a crash left beyond that, half a line or a whole batch, is cut off and made again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from .errors import UnusableFile
from .written import Cells, Form

SETTLE_EVERY_S = 1.0
"""Seconds of work that are at most done again after a crash."""


@dataclass(frozen=True)
class Settled:
    """Hold what is settled."""

    task: Mapping[str, str]
    """What the run is about, each part by a name for people; only a run of the same task goes on with the files."""
    homes: int = 0
    """Rows from the beginning of the input that are in one of the two files."""
    rejected: int = 0
    output_bytes: int = 0
    rejected_bytes: int = 0
    price_models: Mapping[str, int] = field(default_factory=dict)
    """Homes that each price model valued, by its name."""

    def check(self, homes: int) -> None:
        """Raise ValueError unless this is what a run on so many homes may have settled."""
        if not (isinstance(self.task, dict) and isinstance(self.price_models, dict)):
            raise ValueError("no mapping where one belongs")
        numbers = (self.homes, self.rejected, self.output_bytes, self.rejected_bytes, *self.price_models.values())
        if not all(type(number) is int and number >= 0 for number in numbers):  # True is an int, too
            raise ValueError("no natural number where one belongs")
        if self.homes > homes or self.homes != self.rejected + sum(self.price_models.values()):
            raise ValueError("more or fewer homes than there are")


class Ledger:
    """Writes two files, batch by batch, in the order of the ``homes`` of the input; use as a context manager.

    Raises UnusableFile if the files belong to another task or another process, or cannot be written.
    """

    def __init__(
        self,
        output: Path,
        rejected: Path,
        *,
        task: Mapping[str, str],
        headers: tuple[Cells, Cells],
        homes: int,
        form: Form | None = None,
    ) -> None:
        self._results = output, rejected
        self._form = form or Form()
        self._paths = self._form.while_running(output), self._form.while_running(rejected)
        self._progress_path = output.with_name(f"{output.name}.progress")
        self._headers, self._homes = headers, homes
        self.progress = Settled(task)
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Ledger:
        with self._explained(), ExitStack() as stack:
            if not self._progress_path.exists():
                self._refuse_to_overwrite()
                self._settle()
            for path in (*self._paths, self._progress_path):
                if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
                    raise UnusableFile(f"{path} is not a plain file: remove it, or name another file")
            self._files = [stack.enter_context(path.open("ab")) for path in self._paths]
            self._lock(self._files[0])
            self.progress = self._read_progress()
            self._cut_off(self._files)
            self._settled = time.monotonic()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._explained():
            try:
                if self._progress_path.exists():  # the run is not complete
                    self._settle()
            finally:
                for file in self._files:
                    file.close()

    def write(self, output: Iterable[Cells], rejected: Sequence[Cells], homes: int, models: Iterable[str]) -> None:
        """Add the rows of the next ``homes`` of the input; ``models`` names the price model of each valued one."""
        before = self.progress
        texts = self._form.text(output), self._form.text(rejected)
        counts = dict(before.price_models)
        for model in models:
            counts[model] = counts.get(model, 0) + 1
        with self._explained():
            for file, text in zip(self._files, texts, strict=True):
                file.write(text)
            # In one step, so that no interruption finds half of a batch counted.
            self.progress = replace(
                before,
                homes=before.homes + homes,
                rejected=before.rejected + len(rejected),
                output_bytes=before.output_bytes + len(texts[0]),
                rejected_bytes=before.rejected_bytes + len(texts[1]),
                price_models=counts,
            )
            if time.monotonic() - self._settled > SETTLE_EVERY_S:
                self._settle()

    def complete(self) -> None:
        """End the run: all homes are in the files. Remove the file of rejected homes if there are none."""
        with self._explained():
            self._settle()
            kept = self._results if self.progress.rejected else self._results[:1]
            for path in kept:
                self._form.finish(path)
            self._progress_path.unlink()
            for path in self._paths:
                if path not in kept:
                    path.unlink()

    def _settle(self) -> None:
        """Write the rows to disk, then the progress that vouches for them."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        draft = self._progress_path.with_name(f".{self._progress_path.name}.{os.getpid()}")
        with draft.open("wb") as vouching:
            vouching.write(json.dumps(asdict(self.progress)).encode())
            vouching.flush()
            os.fsync(vouching.fileno())
        draft.replace(self._progress_path)
        self._settled = time.monotonic()

    def _refuse_to_overwrite(self) -> None:
        output, rejected = self._results
        if output.resolve() == rejected.resolve():
            raise UnusableFile(f"{output} cannot hold both the valued and the rejected homes: name two files")
        for path in dict.fromkeys((*self._results, *self._paths)):
            if path.exists():
                raise UnusableFile(f"{path} is there already: remove it, or name another file")

    def _lock(self, file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnusableFile(f"another run is writing {self._paths[0]}: wait for its end") from error

    def _read_progress(self) -> Settled:
        try:
            found = Settled(**json.loads(self._progress_path.read_text(encoding="utf-8")))
            found.check(self._homes)
        except (ValueError, TypeError, RecursionError) as error:
            raise UnusableFile(f"{self._progress_path} is damaged: {self._start_over}") from error
        differing = [name for name, value in self.progress.task.items() if found.task.get(name) != value]
        if differing:
            raise UnusableFile(
                f"{self._paths[0]} was begun with another {' and another '.join(differing)}: "
                f"take it up as it was begun, or {self._start_over}"
            )
        return found

    def _cut_off(self, files: Sequence[BinaryIO]) -> None:
        """Cut each file down to what is settled of it, or write its header."""
        settled = self.progress.output_bytes, self.progress.rejected_bytes
        for path, file, size in zip(self._paths, files, settled, strict=True):
            if os.fstat(file.fileno()).st_size < size:
                raise UnusableFile(f"{path} lacks rows that were written: {self._start_over}")
            file.truncate(size)
        if not settled[0]:
            headers = [self._form.mark + self._form.text([header]) for header in self._headers]
            for file, header in zip(files, headers, strict=True):
                file.truncate(0)
                file.write(header)
            self.progress = replace(self.progress, output_bytes=len(headers[0]), rejected_bytes=len(headers[1]))

    @property
    def _start_over(self) -> str:
        return f"remove {self._progress_path}, {self._paths[0]} and {self._paths[1]} to start over"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnusableFile(f"{error.filename or self._paths[0]} cannot be written: {error.strerror}") from error
