"""One attempt to take a file from an HTTPS server, from where the last one ended.

Of the server nothing is believed: its certificate is checked, its address and every one that it points to are
to be allowed, its sizes are to be the announced ones, and a stream that drips is hung up. What arrived stays.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from agent.config import UpdateConfig
from agent.errors import OkngError
from agent.version import __version__

CHUNK = 64 * 1024
MOST_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_LATER = (408, 425, 429, 500, 502, 503, 504)
"""Answers that may be others after a while (RFC 9110 15)."""


class FetchRefused(OkngError):
    """Another attempt would end the same way."""


class FetchBroken(OkngError):
    """Another attempt may get further."""


class Sink(Protocol):
    """Where the file grows. Raises OSError."""

    size: int
    """So many bytes are there."""
    validator: str
    """The server's own mark of the file's version, as `If-Range` takes it; empty: none is known."""

    def restart(self) -> None:
        """Forget what is there."""
        ...

    def take(self, more: bytes) -> None:
        """Append."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is, checked."""

    host: str
    port: int
    target: str
    """Path and query."""
    url: str

    @property
    def shown(self) -> str:
        """For people and logs: without the query, which may hold a password."""
        return f"https://{self.host}:{self.port}{self.target.partition('?')[0]}"[:300]


def address_of(url: str, hosts: tuple[str, ...]) -> Address:
    """The address behind a URL. Raises FetchRefused where it is none that is allowed."""
    shown = url.partition("?")[0][:200]
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or 443
    except ValueError as error:
        raise FetchRefused(f"url {shown!r}: {error}") from error
    if parts.scheme != "https" or not host or "@" in parts.netloc or not url.isascii() or not url.isprintable():
        raise FetchRefused(f"url {shown!r}: https://HOST/PATH is allowed, without a user, in plain ASCII")
    if " " in url:
        raise FetchRefused(f"url {shown!r}: it has a space in it")
    known = {name if ":" in name else f"{name}:443" for name in hosts}
    if f"{host}:{port}" not in known:
        allowed = ", ".join(hosts) or "none"
        raise FetchRefused(f"host {host}:{port} is not allowed; allowed: {allowed} (uplink.update.hosts)")
    return Address(host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), url)


def tls_of(ca: Path | None) -> ssl.SSLContext:
    """Certificates are checked: by the system's CAs, and by those in `ca` besides. Raises FetchRefused."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except OSError as error:
            raise FetchRefused(f"uplink.update.ca {ca} cannot be read: {error.strerror or error}") from error
    return context


class _Connection(http.client.HTTPSConnection):
    """Shakes hands only once it is known by name, so that a handshake that never ends can be hung up too."""

    def __init__(self, there: Address, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(there.host, there.port, timeout=timeout_s, context=context)
        self._tls = context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock.do_handshake()

    def hang_up(self) -> None:
        """End what another thread waits for."""
        with suppress(OSError):
            if isinstance(self.sock, socket.socket):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


@dataclass(slots=True)
class Fetch:
    """Takes one file of a known size. One thread calls it; `stop` may come from another."""

    config: UpdateConfig
    stopping: threading.Event = field(default_factory=threading.Event)
    _connection: _Connection | None = None

    def stop(self) -> None:
        """End the attempt, and every one after it."""
        self.stopping.set()
        self.hang_up()

    def hang_up(self) -> None:
        """End what the attempt waits for; where `stopping` is set it ends with it."""
        connection = self._connection
        if connection is not None:
            connection.hang_up()

    def attempt(self, url: str, size: int, sink: Sink) -> None:
        """Take what is still missing of `size` bytes. Raises FetchRefused, FetchBroken, OSError of the sink's disk."""
        there = address_of(url, self.config.hosts)
        if self.stopping.is_set():
            raise FetchBroken("stopping")
        for _ in range(MOST_REDIRECTS + 1):
            with self._connected(there) as connection:
                moved = self._one(connection, there, size, sink)
            if not moved:
                return
            there = address_of(urljoin(there.url, moved), self.config.hosts)
        raise FetchRefused(f"{there.shown}: more than {MOST_REDIRECTS} redirections")

    # -- inside ---------------------------------------------------------------------------------

    @contextmanager
    def _connected(self, there: Address) -> Iterator[_Connection]:
        connection = _Connection(there, self.config.timeout_s, tls_of(self.config.ca))
        self._connection = connection
        try:
            yield connection
        finally:
            self._connection = None
            connection.close()

    def _one(self, connection: _Connection, there: Address, size: int, sink: Sink) -> str:
        """One request; where it pointed elsewhere, to where."""
        response = self._ask(connection, there, sink)
        with response:
            if response.status in _MOVED:
                return response.headers.get("Location", "") or _refuse(
                    there, "it points elsewhere and does not say where"
                )
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and sink.size:
                sink.restart()
                raise FetchBroken(f"{there.shown}: the file there is another one now")
            if response.status in _LATER:
                raise FetchBroken(f"{there.shown}: {response.status} {response.reason[:60]}")
            if response.status == HTTPStatus.OK:
                sink.restart()
            elif response.status != HTTPStatus.PARTIAL_CONTENT or not sink.size:
                _refuse(there, f"{response.status} {response.reason[:60]}")
            _check(response, there, size, sink.size)
            sink.validator = _validator(response)
            self._body(response, there, size, sink)
        return ""

    def _ask(self, connection: _Connection, there: Address, sink: Sink) -> http.client.HTTPResponse:
        """Send the request and read the answer's head, in bounded time."""
        headers = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": f"okng/{__version__}"}
        if sink.size:
            headers["Range"] = f"bytes={sink.size}-"
            if sink.validator:
                headers["If-Range"] = sink.validator
        # A time-out of the socket is one of each read; this one is of all of them together.
        guard = threading.Timer(2 * self.config.timeout_s, connection.hang_up)
        guard.daemon = True
        guard.start()
        try:
            connection.request("GET", there.target, headers=headers)
            return connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            what = f"its certificate is not trusted: {error.verify_message} (uplink.update.ca)"
            raise FetchRefused(f"{there.shown}: {what}") from error
        except (OSError, http.client.HTTPException) as error:
            raise FetchBroken(f"{there.shown}: {_words(error)}") from error
        finally:
            guard.cancel()

    def _body(self, response: http.client.HTTPResponse, there: Address, size: int, sink: Sink) -> None:
        began = since = time.monotonic()
        before = start = sink.size
        rate = self.config.rate_kb_s * 1000.0
        while sink.size < size:
            if self.stopping.is_set():
                raise FetchBroken("stopping")
            more = self._read(response, there, min(CHUNK, max(1024, int(rate / 4)) if rate else CHUNK))
            if not more:
                raise FetchBroken(f"{there.shown}: it broke off after {sink.size} of {size} bytes")
            if sink.size + len(more) > size:
                _refuse(there, f"it sends more than the {size} bytes that were announced")
            sink.take(more)
            now = time.monotonic()
            if now - since >= self.config.timeout_s:
                if sink.size - before < self.config.slowest_b_s * (now - since):
                    raise FetchBroken(f"{there.shown}: slower than {self.config.slowest_b_s} bytes a second")
                since, before = now, sink.size
            if rate and (ahead_s := (sink.size - start) / rate - (now - began)) > 0:
                self.stopping.wait(ahead_s)
        if response.length is None and not self.stopping.is_set():
            with suppress(FetchBroken):
                if self._read(response, there, 1):
                    _refuse(there, f"it sends more than the {size} bytes that were announced")

    def _read(self, response: http.client.HTTPResponse, there: Address, most: int) -> bytes:
        try:
            return response.read1(most)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchBroken(f"{there.shown}: {_words(error)}") from error


def _check(response: http.client.HTTPResponse, there: Address, size: int, held: int) -> None:
    """Refuse an answer that is not what was announced, before a byte of it is taken."""
    if (coding := response.headers.get("Content-Encoding", "identity")) != "identity":
        _refuse(there, f"it is encoded: {coding[:40]}")
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        said = response.headers.get("Content-Range", "")
        if said not in (f"bytes {held}-{size - 1}/{size}", f"bytes {held}-{size - 1}/*"):
            _refuse(there, f"asked for bytes {held} to {size - 1} of {size}, it sends {said[:60]!r}")
    if response.length is not None and response.length != size - held:
        _refuse(there, f"{size - held} bytes are missing of the {size} that were announced, it sends {response.length}")


def _validator(response: http.client.HTTPResponse) -> str:
    """What `If-Range` takes (RFC 9110 13.1.5): a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag", "").strip()
    strong = tag.startswith('"') and tag.endswith('"') and len(tag) > 2
    mark = tag if strong else response.headers.get("Last-Modified", "").strip()
    return mark if len(mark) <= 200 and mark.isascii() and mark.isprintable() else ""


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return str(error.strerror or error)[:200]
    return (str(error) or type(error).__name__)[:200]


def _refuse(there: Address, why: str) -> str:
    raise FetchRefused(f"{there.shown}: {why}")
