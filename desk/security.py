"""What every reply of the desk tells the browser not to do, and the requests that come from other sites."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = ("GET", "HEAD", "OPTIONS")


def content_security_policy(tiles_origin: str = "") -> str:
    """Return the policy: everything from the desk itself, nothing inline; pictures of the map from the tiles' host."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: {tiles_origin}".rstrip(),  # Leaflet and Swagger UI have small pictures inside
            "connect-src 'self'",
            "font-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


class SecurityHeaders:
    """An ASGI middleware that adds the headers to every reply, and refuses what another site's page sends here.

    A browser sends a person's key along by itself, so that a page elsewhere could have files valued in their name.
    """

    def __init__(self, app: ASGIApp, tiles_origin: str = "") -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy(tiles_origin),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            # The address of an answer describes a home: the tiles' host learns nothing of it.
            "Referrer-Policy": "same-origin" if not tiles_origin else "strict-origin-when-cross-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its reply back with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # An answer is made for one caller and one moment.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        site = Headers(scope=scope).get("sec-fetch-site", "none")
        if scope["method"] not in READING and site not in ("same-origin", "none"):
            refusal = PlainTextResponse("Another site's page cannot send anything to the desk.\n", 403)
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
