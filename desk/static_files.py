"""Style, scripts and pictures, the desk's own and those of packages, under addresses that change with their content."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

OWN = Path(__file__).parent / "static"
YEAR = "public, max-age=31536000, immutable"

# Of these packages only files are used: no Python of theirs is imported, and neither Django nor Flask is installed.
VENDORED = {
    "htmx.js": ("django-htmx", "django_htmx/static/django_htmx/htmx-2.min.js"),
    "leaflet/leaflet.js": ("django-leaflet", "leaflet/static/leaflet/leaflet.js"),
    "leaflet/leaflet.css": ("django-leaflet", "leaflet/static/leaflet/leaflet.css"),
    "swagger/swagger-ui.js": ("flask-swagger-ui", "flask_swagger_ui/dist/swagger-ui-bundle.js"),
    "swagger/swagger-ui.css": ("flask-swagger-ui", "flask_swagger_ui/dist/swagger-ui.css"),
}


@dataclass(frozen=True)
class StaticFiles:
    """Hold every file by the name that templates use, and the fingerprint of all of them."""

    files: dict[str, Path]
    fingerprint: str

    @classmethod
    def find(cls) -> StaticFiles:
        """Find the files. Raises FileNotFoundError, which names the package, for one that is not installed."""
        files = {path.relative_to(OWN).as_posix(): path for path in sorted(OWN.rglob("*")) if path.is_file()}
        for name, (package, inside) in VENDORED.items():
            files[name] = Path(str(distribution(package).locate_file(inside)))
            if not files[name].is_file():
                raise FileNotFoundError(f"{package} has no {inside}: install what requirements.lock pins")
        digest = sha256()
        for name, path in sorted(files.items()):
            digest.update(name.encode() + path.read_bytes())
        return cls(files, digest.hexdigest()[:12])

    def url(self, name: str) -> str:
        """Return the address of a file, which is kept for a year because another content has another address."""
        if name not in self.files:
            raise KeyError(f"there is no static file {name!r}: it must lie in desk/static or be named in VENDORED")
        return f"/static/{self.fingerprint}/{name}"


def send(request: Request) -> Response:
    """Send a file; one whose address is of another content is sent too, but not kept."""
    files: StaticFiles = request.app.state.desk.static
    path = files.files.get(request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    current = request.path_params["fingerprint"] == files.fingerprint
    return FileResponse(path, headers={"Cache-Control": YEAR if current else "no-cache"})


ROUTES = (Route("/static/{fingerprint}/{name:path}", send),)
