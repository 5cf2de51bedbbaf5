"""The control socket's server: a thread accepts, a thread a connection answers one line."""

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.control import MAX_LINE_BYTES, SOCKET, may, narrowed, peer_uid, read_line
from agent.errors import ControlFailed, OkngError
from agent.worker import Worker

log = logging.getLogger(__name__)

Verb = Callable[[Mapping[str, Any]], Mapping[str, object]]
MAX_CONNECTIONS = 32
LINE_TIMEOUT_S = 5.0
RETRY_S = 0.5


class ControlServer:
    """Answers the verbs of `agent.control` on a Unix socket in the runtime folder."""

    def __init__(self, runtime: Path, verbs: Mapping[str, Verb]) -> None:
        self.path = runtime / SOCKET
        self._verbs = verbs
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._worker = Worker("control", self._accept)

    def start(self) -> None:
        """Bind and begin to answer; the data folder's lock is held, so an old socket file is dead."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.path.unlink()
        self._socket.bind(str(self.path))
        os.chmod(self.path, 0o660)
        self._socket.listen(MAX_CONNECTIONS)
        self._socket.settimeout(0.5)
        self._worker.start()

    @property
    def crash(self) -> str:
        """What ended the accepting thread; empty while it runs."""
        return self._worker.crash

    def stop(self) -> None:
        self._worker.stop()
        self._socket.close()
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _accept(self) -> None:
        """One connection, or half a second without. Out of files or threads: say so and go on later."""
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            return
        except OSError as error:
            log.warning("control: no connection can be taken: %s", error.strerror)
            self._worker.stopping.wait(RETRY_S)
            return
        if not self._room.acquire(blocking=False):
            connection.close()
            return
        try:
            threading.Thread(target=self._serve, args=(connection,), name="control-answer", daemon=True).start()
        except RuntimeError as error:
            log.warning("control: %s", error)
            connection.close()
            self._room.release()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(LINE_TIMEOUT_S)
                answer = self._answer(connection)
                connection.sendall(json.dumps(answer).encode() + b"\n")
        except (OSError, ControlFailed) as error:
            log.debug("control: %s", error)
        finally:
            self._room.release()

    def _answer(self, connection: socket.socket) -> Mapping[str, object]:
        try:
            request = json.loads(read_line(connection))
        except ValueError as error:
            return _refusal(f"not a JSON line: {error}")
        if not isinstance(request, dict) or not isinstance(verb := request.get("verb"), str):
            return _refusal("a request is a JSON object with a verb")
        act = self._verbs.get(verb)
        if act is None:
            return _refusal(f"unknown verb {verb[:40]!r}; known: {', '.join(sorted(self._verbs))}")
        uid = peer_uid(connection)
        if not may(uid, verb):
            log.warning("control: uid %d may not say %s", uid, verb)
            return _refusal(f"uid {uid} may not say {verb}")
        try:
            if why := narrowed(uid, verb, request):
                log.warning("control: uid %d may not say %s so: %s", uid, verb, why)
                return _refusal(why)
            answer = {"ok": True, **act(request)}
        except (OkngError, KeyError, TypeError, ValueError) as error:
            return _refusal(f"missing argument {error}" if isinstance(error, KeyError) else str(error))
        if len(json.dumps(answer)) > MAX_LINE_BYTES:
            return _refusal(f"the answer is longer than {MAX_LINE_BYTES} bytes")
        return answer


def _refusal(why: str) -> Mapping[str, object]:
    return {"ok": False, "error": why}
