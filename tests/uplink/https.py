"""An HTTPS server of the tests' own, with a certificate of the tests' own, that can be told to misbehave."""

import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, name: str = "server", address: str = "127.0.0.1", authority: Path | None = None) -> Path:
    """`NAME.pem` with `NAME.key` beside it, for a server at `address`; signed by `authority`, else its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = subject, key
    if authority is not None:
        issuer = x509.load_pem_x509_certificate(authority.read_bytes()).subject
        loaded = serialization.load_pem_private_key(authority.with_suffix(".key").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return file


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is answered; without a word: as it should be."""

    status: int = 0
    """Nothing but this status; 0: 200, or 206 where a range was asked for."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Another file."""
    etag: str = '"one"'
    ranges: bool = True
    cut_after: int | None = None
    """Hang up after so many bytes of the body."""
    chunked: bool = False
    """The length is not said beforehand."""
    extra: bytes = b""
    """Sent after the body."""
    piece: int = 65536
    pause_s: float = 0.0
    """Between two pieces."""
    drip_head: bool = False
    """The head comes letter by letter, and never ends."""


@dataclass(slots=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    sent: int = 0
    """Bytes of the answer's body."""
    body: bytes = b""
    """What came with a POST."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what is tried here."""


class Https:
    """Serves one file at every path."""

    def __init__(self, content: bytes, paper: Path) -> None:
        self.content = content
        self.answers: list[Answer] = []
        """How the next requests are answered; when there is none left, as they should be."""
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        server = self

        class Session(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.serve(self)

            def do_POST(self) -> None:
                server.serve(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nobody reads it."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(paper, paper.with_suffix(".key"))
        self._server = _Server(("127.0.0.1", 0), Session)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.host}/models/new.okng?secret=xyzzy"

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self, session: BaseHTTPRequestHandler) -> None:
        answer = self.answers.pop(0) if self.answers else Answer()
        body = session.rfile.read(int(session.headers.get("Content-Length") or 0))
        asked = Asked(session.path, dict(session.headers), body=body)
        self.asked.append(asked)
        session.close_connection = True
        with suppress(OSError):
            if answer.drip_head:
                self._drip(session)
            elif answer.status:
                session.send_response(answer.status)
                for name, value in {"Content-Length": "0", **answer.headers}.items():
                    session.send_header(name, value)
                session.end_headers()
            else:
                self._send(session, answer, asked)

    def _drip(self, session: BaseHTTPRequestHandler) -> None:
        session.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.ended.wait(0.05):
            session.wfile.write(b"x")

    def _send(self, session: BaseHTTPRequestHandler, answer: Answer, asked: Asked) -> None:
        whole = self.content if answer.body is None else answer.body
        start = self._start(answer, asked)
        session.send_response(206 if start else 200)
        said = {"ETag": answer.etag, "Content-Length": str(len(whole) - start)}
        if start:
            said["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        if answer.chunked:
            del said["Content-Length"]
        for name, value in {**said, **answer.headers}.items():
            if value:
                session.send_header(name, value)
        session.end_headers()
        body = whole[start:] + answer.extra
        if answer.cut_after is not None:
            body = body[: answer.cut_after]
        for at in range(0, len(body), answer.piece):
            asked.sent += len(body[at : at + answer.piece])  # before: else the client may have read what is not counted
            session.wfile.write(body[at : at + answer.piece])
            if answer.pause_s and self.ended.wait(answer.pause_s):
                return

    @staticmethod
    def _start(answer: Answer, asked: Asked) -> int:
        said = asked.headers.get("Range", "")
        if not answer.ranges or not said or asked.headers.get("If-Range", answer.etag) != answer.etag:
            return 0
        return int(said.removeprefix("bytes=").removesuffix("-"))


@contextmanager
def serving(content: bytes, paper: Path) -> Iterator[Https]:
    server = Https(content, paper)
    try:
        yield server
    finally:
        server.close()


def until(condition: Any, within_s: float = 30.0) -> Any:
    """Wait for it; what it was."""
    end = time.monotonic() + within_s
    while not (got := condition()):
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.02)
    return got
