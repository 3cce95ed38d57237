"""Who may ask: pages of this server alone. Plain ASGI, so that streams pass unbuffered.

A page of another site can send requests to this machine too. They are refused by what browsers do not let pages
choose: the name in `Host` (against DNS names that are bound to this machine anew), `Origin` and `Sec-Fetch-Site`. What
changes something needs the token of the page on top. On any other address than loopback, all needs a token.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import TypeAlias
from urllib.parse import parse_qs

from impasto.studio.options import LOOPBACK

Scope: TypeAlias = MutableMapping[str, object]
Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "impasto"
HEADER = "x-impasto-token"
LOOPBACK_NAMES = frozenset({LOOPBACK, "localhost", "::1"})
UPLOAD = "application/octet-stream"
LARGEST_JSON = 256 * 1024
_SAFE = {"GET", "HEAD"}
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Middleware that refuses what no page of this server would ask.

    Args:
        app: What it stands before.
        token: That pages send with what changes something, and visitors of an open address with everything.
        listen: The address that is listened on.
    """

    def __init__(self, app: Application, *, token: str, listen: str) -> None:
        self._app, self._token = app, token
        self._is_open = listen not in LOOPBACK_NAMES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = message.get("headers")
                given = found if isinstance(found, list) else []
                stated = {name for name, _ in given}  # the report of a comparison states a policy of its own
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*given, *(each for each in added if each[0] not in stated)]
            await send(message)

        headers = _headers_of(scope)
        if self._is_open and (entered := self._entered(scope)):
            await _redirect(sent, entered)
            return
        refused = self._refused(str(scope["method"]), str(scope["path"]), headers)
        if refused is None:
            await self._app(scope, receive, sent)
        else:
            await _answer(sent, *refused)

    def _entered(self, scope: Scope) -> str:
        """Return the cookie to set if the address holds the token, or nothing."""
        query = scope.get("query_string")
        given = parse_qs(query.decode("latin-1") if isinstance(query, bytes) else "").get("token", [""])[0]
        return f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/" if self._is_token(given) else ""

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), self._token.encode())

    def _refused(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and reason of a refusal, or None."""
        if self._is_open and not self._is_token(_cookie(headers)):
            return 401, "open the address that impasto studio printed, with its token"
        if not self._is_open and _name_in(headers.get("host", "")) not in LOOPBACK_NAMES:
            return 421, "this address is not the studio's"
        if not (path == "/" and method == "GET") and _is_from_elsewhere(headers):
            return 403, "the request comes from another site"
        if method in _SAFE:
            return None
        if not self._is_token(headers.get(HEADER, "")):
            return 403, "the page is from before the studio was started: reload it"
        return (413, "the request is too large") if _is_too_large(headers) else None


def _is_from_elsewhere(headers: dict[str, str]) -> bool:
    """Return whether a page of another site asks, as far as the browser says."""
    host = headers.get("host", "")
    is_other_origin = headers.get("origin", f"http://{host}") not in {f"http://{host}", f"https://{host}"}
    return is_other_origin or headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}


def _is_too_large(headers: dict[str, str]) -> bool:
    """Return whether a body may be larger than what forms take; routes bound uploads while they read them."""
    if headers.get("content-type") == UPLOAD:
        return False
    declared = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not declared.isdecimal() or int(declared[:12]) > LARGEST_JSON


def _headers_of(scope: Scope) -> dict[str, str]:
    given = scope.get("headers")
    pairs = given if isinstance(given, list) else []
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _name_in(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _answer(send: Send, status: int, reason: str) -> None:
    body = f'{{"error": "{reason}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, cookie: str) -> None:
    headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
