"""A mail server of the tests' own: STARTTLS or TLS, AUTH PLAIN, and answers that can be told beforehand."""

import base64
import email.policy
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that was taken."""

    to: tuple[str, ...]
    message: EmailMessage
    user: str
    """Who logged in; empty: nobody did."""
    encrypted: bool


class Smtp:
    """One server. What is in `answers` is said after the next mails' bytes, instead of 250."""

    def __init__(self, paper: Path, tls: str = "starttls", password: str = "geheim") -> None:
        self.mails: list[Taken] = []
        self.answers: list[str] = []
        self.hang_up_at_quit = False
        self.refused: frozenset[str] = frozenset()
        """Receivers that are not known here."""
        self.password = password
        self.tls = tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(paper, paper.with_suffix(".key"))
        server = self

        class Session(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                talk = _Talk(server, self.request, context)
                try:
                    talk.run()
                finally:
                    talk.close()

        self._server = _Server(("127.0.0.1", 0), Session)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses the certificate is what is tried here."""


class _Talk:
    """One connection."""

    def __init__(self, server: Smtp, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._server, self._socket, self._context, self._tls = server, connection, context, server.tls
        self._file = connection.makefile("rb")
        self._encrypted, self._user = False, ""
        self._to: list[str] = []

    def run(self) -> None:
        if self._tls == "tls":
            self._encrypt()
        self._say("220 test ESMTP")
        while line := self._file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "QUIT":
                if not self._server.hang_up_at_quit:
                    self._say("221 bye")
                return
            self._verb(verb.upper(), rest)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _verb(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO":
                offers = ["250-test", *(["250-STARTTLS"] if self._tls == "starttls" and not self._encrypted else [])]
                self._say("\r\n".join([*offers, "250 AUTH PLAIN"]))
            case "STARTTLS":
                self._say("220 go")
                self._encrypt()
            case "AUTH":
                _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                self._user = user if password == self._server.password else ""
                self._say("235 ok" if self._user else "535 5.7.8 wrong password")
            case "RCPT":
                to = rest.partition("<")[2].partition(">")[0]
                known = to not in self._server.refused
                self._to += [to] * known
                self._say("250 ok" if known else "550 no such user")
            case "DATA":
                self._take()
            case _:
                self._say("250 ok")

    def _take(self) -> None:
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self._file.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        answer = self._server.answers.pop(0) if self._server.answers else "250 taken"
        if answer.startswith("250"):
            made = message_from_bytes(b"".join(lines), policy=email.policy.default)
            assert isinstance(made, EmailMessage)
            self._server.mails.append(Taken(tuple(self._to), made, self._user, self._encrypted))
        self._say(answer)

    def _encrypt(self) -> None:
        self._file.close()
        self._socket = self._context.wrap_socket(self._socket, server_side=True)
        self._file = self._socket.makefile("rb")
        self._encrypted = True

    def _say(self, text: str) -> None:
        self._socket.sendall(f"{text}\r\n".encode())


@contextmanager
def serving_mail(paper: Path, tls: str = "starttls") -> Iterator[Smtp]:
    server = Smtp(paper, tls)
    try:
        yield server
    finally:
        server.close()
