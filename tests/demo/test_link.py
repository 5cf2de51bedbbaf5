"""The demo's bad link: a real relay in front of a real server."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from agent.demo.link import Relay, flaky
from tests.station.rig import wait_for


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while got := self.request.recv(1024):
            self.request.sendall(got)


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as echo:
        echo.daemon_threads = True
        thread = threading.Thread(target=echo.serve_forever, args=(0.05,))
        thread.start()
        yield "127.0.0.1", echo.server_address[1]
        echo.shutdown()
        thread.join()


def echoed(port: int, text: bytes) -> bytes:
    """b"" where nobody is let through."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(text)
            return client.recv(1024)
    except ConnectionError:
        return b""


def test_what_is_said_comes_through_until_the_link_is_cut_and_again_when_it_is_mended(server: tuple[str, int]) -> None:
    relay = Relay(*server)
    try:
        with socket.create_connection(("127.0.0.1", relay.port), 5) as client:
            client.sendall(b"one")
            assert client.recv(1024) == b"one"
            relay.cut()
            assert client.recv(1024) == b""
        assert echoed(relay.port, b"two") == b""
        relay.mend()
        assert echoed(relay.port, b"three") == b"three"
    finally:
        relay.close()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", relay.port), 5)


def test_without_anything_behind_it_nobody_is_let_through() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        relay = Relay(*nobody.getsockname())
        assert echoed(relay.port, b"one") == b""
        relay.close()


def test_a_flaky_link_is_up_and_down_in_turns(server: tuple[str, int]) -> None:
    with flaky(*server, up_s=0.3, down_s=0.3) as port:
        for expected in (b"hello", b"", b"hello"):
            wait_for(lambda wanted=expected: echoed(port, b"hello") == wanted)
