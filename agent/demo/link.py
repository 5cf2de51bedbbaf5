"""A bad link for the demo: a TCP relay that lets a station through to its broker, then cuts it off, again and again."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

UP_S, DOWN_S = 40.0, 15.0
"""Long enough for a few windows each; far below what a centre would call lost."""
_PIECE = 65_536
_TURN_S = 0.5


class Relay:
    """Forwards TCP from a free port of 127.0.0.1 to HOST:PORT. While it is cut, whoever comes is turned away."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_TURN_S)
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._changing = threading.Lock()
        self._cut = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break every connection, and take none until `mend`."""
        with self._changing:
            self._cut = True
            ends, self._open = self._open, set()
        for end in ends:
            _drop(end)

    def mend(self) -> None:
        with self._changing:
            self._cut = False

    def close(self) -> None:
        self._ended.set()
        self.cut()
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                here, _ = self._listening.accept()
            except TimeoutError:
                continue
            except OSError:  # no descriptor left, or the peer has gone again
                self._ended.wait(_TURN_S)
                continue
            self._connect(here)

    def _connect(self, here: socket.socket) -> None:
        try:
            there = socket.create_connection(self._to, 5.0)
        except OSError:
            _drop(here)
            return
        there.settimeout(None)
        with self._changing:
            refused = self._cut
            if not refused:
                self._open |= {here, there}
        if refused:
            _drop(here)
            _drop(there)
            return
        for source, sink in ((here, there), (there, here)):
            threading.Thread(target=self._pump, args=(source, sink), name="relay", daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                sink.sendall(piece)
        with self._changing:
            self._open -= {source, sink}
        _drop(source)
        _drop(sink)


def _drop(end: socket.socket) -> None:
    with contextlib.suppress(OSError):  # wakes who reads from it
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def flaky(host: str, port: int, up_s: float = UP_S, down_s: float = DOWN_S) -> Iterator[int]:
    """A relay to HOST:PORT that is up and down in turns as long as the block lasts; yields its port."""
    relay, ended = Relay(host, port), threading.Event()

    def take_turns() -> None:
        while not ended.wait(up_s):
            relay.cut()
            if ended.wait(down_s):
                break
            relay.mend()

    turning = threading.Thread(target=take_turns, name="flaky", daemon=True)
    turning.start()
    try:
        yield relay.port
    finally:
        ended.set()
        turning.join()
        relay.close()
