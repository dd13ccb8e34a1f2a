"""Many homes: a file is dropped, valued while the page tells how far it is, and fetched again with prices."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from desk.homes_preview import first_refused, first_valued
from desk.jobs import KEPT_S, Job, Jobs, NoRoom
from desk.pages import render
from desk.service import key_of
from desk.valuing import MOST_HOMES, REFUSED, VALUED
from preprocessing.columns import HOME_COLUMNS

MOST_BYTES = 20 << 20
"""A hundred thousand homes with all columns are 12 MB as CSV."""
MOST_READ = 10 * MOST_BYTES
"""A browser shows no answer to a file of which it could not send all: a longer one is read to its end, up to here."""
LONGEST_NAME = 80
AGAIN_S = 2
"""Seconds after which a page without scripts asks again."""
STEP = 10
"""Percent after which a screen reader is told."""
LIMITS: dict[str, Any] = {"most_homes": MOST_HOMES, "most_bytes": MOST_BYTES, "kept_minutes": round(KEPT_S / 60)}


def offer(request: Request) -> Response:
    """Show where to drop a file."""
    return _form(request)


async def receive(request: Request) -> Response:
    """Take a file, and lead to the page that tells what becomes of it."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise HTTPException(411)
    if int(length) > MOST_BYTES + (64 << 10):
        await _read_away(request, min(int(length), MOST_READ))
        return _form(request, 413, f"The file is larger than {MOST_BYTES >> 20} MB: split it into smaller ones.")
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            return _form(request, 400, "Choose a file first.")
        if not file.size:
            return _form(request, 400, f"{_name(file.filename)} is empty.")
        try:
            name = _name(file.filename)
            job = await run_in_threadpool(_jobs(request).receive, file.file, name, key_of(request))
        except NoRoom:
            busy = _form(request, 503, "Other files are being valued just now: try again in a minute.")
            busy.headers["Retry-After"] = "30"
            return busy
    return RedirectResponse(f"/homes/{job.key}", 303)


def follow(request: Request) -> Response:
    """Tell how far a file is, or what came of it: as a page, or as the part of it that changes."""
    job = _job(request)
    progress = job.progress
    told = progress.percent // STEP * STEP
    shown: dict[str, Any] = {
        "job": job,
        "progress": progress,
        "told": told,
        "news": request.query_params.get("told") != str(told) or progress.over,
        "again_s": AGAIN_S,
        "valued": first_valued(job.folder / VALUED) if progress.stage == "done" else [],
        "refused": first_refused(job.folder / REFUSED) if progress.stage == "done" and progress.rejected else [],
        **LIMITS,
    }
    part = bool(request.headers.get("hx-request"))
    template, model = "homes_progress.html" if part else "homes_job.html", next(iter(progress.price_models), "")
    return render(request, template, price_model=model, part=part, **shown)


def fetch(request: Request) -> Response:
    """Send the file with prices, or that of the refused rows."""
    job, which = _job(request), request.path_params["which"]
    path = job.folder / which
    if which not in (VALUED, REFUSED) or job.progress.stage != "done" or not path.is_file():
        raise HTTPException(404)
    kind = ".xlsx" if job.progress.workbook else ".csv"
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" if kind == ".xlsx" else "text/csv"
    return FileResponse(path, media_type=media, filename=f"{PurePosixPath(job.name).stem}.{which}{kind}")


def remove(request: Request) -> Response:
    """Remove a file and all that was made of it."""
    _job(request).gone.set()
    return RedirectResponse("/homes", 303)


def send_template(request: Request) -> Response:
    """Send an empty table to fill in: the names of all columns, and an example home."""
    text = io.StringIO()
    csv.writer(text).writerows([[c.name for c in HOME_COLUMNS], [f"{c.example:.10g}" for c in HOME_COLUMNS]])
    headers = {"Content-Disposition": 'attachment; filename="homes.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def _form(request: Request, status: int = 200, refusal: str = "") -> Response:
    columns = [asdict(column) for column in HOME_COLUMNS]
    return render(request, "many_homes.html", status, refusal=refusal, columns=columns, **LIMITS)


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _job(request: Request) -> Job:
    job = _jobs(request).find(request.path_params["key"])
    if job is None:
        raise HTTPException(404)
    return job


def _name(given: str) -> str:
    """Return a file's name as it may be shown and given back: without folders and without what no name has."""
    last = PureWindowsPath(PurePosixPath(given).name).name
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"/\\|?*')
    stem, dot, suffix = kept.rpartition(".")
    return f"{(stem or suffix)[:LONGEST_NAME].strip() or 'homes'}{dot if stem else ''}{suffix[:8] if stem else ''}"


async def _read_away(request: Request, most: int) -> None:
    read = 0
    async for part in request.stream():
        read += len(part)
        if read >= most:
            return


ROUTES = (
    Route("/homes", offer),
    Route("/homes", receive, methods=["POST"]),
    Route("/homes/template.csv", send_template),
    Route("/homes/{key}", follow),
    Route("/homes/{key}/remove", remove, methods=["POST"]),
    Route("/homes/{key}/{which}", fetch),
)
