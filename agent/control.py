"""The station's control socket: one JSON line in, one out, at most 64 KiB each.

A request is `{"verb": NAME, ...arguments}`; the answer is `{"ok": true, ...}` or
`{"ok": false, "error": TEXT}`. SO_PEERCRED decides who may say which verb.

| verb     | arguments                       | answers                                             | who |
|----------|---------------------------------|-----------------------------------------------------|-----|
| status   | -                               | the station's state (`agent.station.status`)        | all |
| settle   | epoch, seq, missing             | settled: how many                                   | uplink |
| pause    | lane or "" for all, why         | paused: lanes                                       | uplink, web |
| resume   | lane or "" for all              | resumed: lanes                                      | uplink, web |
| set_up   | lane, why                       | lane; paused, its pictures judged for the set-up    | web |
| recipe   | lane, name                      | revision                                            | uplink, web |
| recipe_save | name, text, expect, by, of   | mark, revision, number, lanes: all of them judge by it | web |
| resend   | from_seq, to_seq                | queued: how many                                    | uplink |
| watch    | -                               | lease_s: the live pictures are drawn for so long    | web |
| judge    | file, lane, part_id, purpose    | record: id; the file lies in the runtime folder     | web, cli |
|          | fault, note in place of file    | record: id, UNSURE; the picture could not be read   | web, cli |
| uplink   | state, detail, sent, refused    | -; the uplink says how it is, shown by status       | uplink |
| update   | event, detail                   | -; a step of an update, kept as an event            | uplink |
| review   | part, reviewer, verdict, boxes, | review: id, durable; said twice with one token it   | web |
|          | note, stratum, utc_us, token    | is stored once                                      |     |
| acknowledge | alarm, lane, since_utc_us, who, note | acknowledged; the alarm stands on until it ends  | web |
| backtest | id or "off"; since_utc_us, until_utc_us, lane, | name, model, done, total, running    | web |
|          | recipe, limit, lossy            | one at a time, at the lowest priority               |     |
| backtests| -                               | backtest: the one that runs, else the last one      | web |
| record   | lane, minutes; 0 ends it         | recording: its state; every picture of the lane is kept | web |
| challenge_start | lane, by                 | run: id; the lane judges challenge parts only       | web, cli |
| challenge_next | lane, part                | -; the next picture shows this one, "": nobody knows | web, cli |
| challenge_end | lane, by                   | ended: passed, failed, aborted                      | web, cli |
| challenge_override | lane, by, reason      | override: id; released until a run is required anew | web, cli |
| challenge_save | recipe, parts, revision   | revision; of the set that was seen                  | web, cli |
| misbehave| lane, kind, for_s               | -; a virtual line goes wrong for so long, 0 ends it | cli |
| stop     | -                               | -; the station ends as after SIGTERM                | cli |
| models   | after: "", or more of the last page | models, more; first page: by which recipe each judges | uplink, web |
| model_import | file, of, activate, recipe  | id, digest, gates: what each device made of it;     | uplink, web |
|          | file: a path, or a plain name in incoming/ or, of = "uploads", in uploads/; never a folder     |     |
|          | for the uplink a plain name in incoming/ alone, for the page one in uploads/ alone             |     |
|          |                                 | activated, or activation_refused: why               |     |
| model_activate | id, recipe, expect_change, again | recipe, model, lanes, revision               | web |
| model_rollback | recipe                    | to which, and the parts judged since                | web |
| model_seen | recipe                        | a person has dealt with what was taken back         | web |
| model_shadow | id or "off", recipe         | lanes, warning; off: the figures                    | web |
| model_canary | id or "off", recipe, share, expect_change, again | lanes, warning; off: the figures | web |
| model_remove | id                          | removed                                             | cli |

The long ones (model_import, model_activate, model_shadow, model_canary, recipe_save) answer when they are done:
`ask` is to be given time.
"""

import json
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.errors import ControlFailed, StationRefused

MAX_LINE_BYTES = 64 * 1024
SOCKET = "control.sock"

INCOMING, UPLOADS = "incoming", "uploads"
"""Folders below the data folder in which models come: only the uplink writes into the first, only the page into the
second."""
UPLINK_USER = "okng-uplink"
WEB_USER = "okng-web"
_EVERYONE = frozenset({"status"})
ALLOWED: Mapping[str, frozenset[str]] = {
    UPLINK_USER: _EVERYONE
    | {"settle", "pause", "resume", "recipe", "resend", "uplink", "update"}
    | {"models", "model_import"},
    WEB_USER: _EVERYONE
    | {f"challenge_{verb}" for verb in ("start", "next", "end", "override", "save")}
    | {"pause", "resume", "set_up", "recipe", "recipe_save", "watch", "judge", "review", "acknowledge"}
    | {"record", "backtest", "backtests"}
    | {"models", "model_import", "model_activate", "model_rollback", "model_seen", "model_shadow", "model_canary"},
}
"""What the users of the systemd units may say; root and the station's own user may say everything."""


def may(uid: int, verb: str) -> bool:
    """Whether the user behind a connection may say this verb."""
    if uid in (0, os.getuid()):
        return True
    user = _named(uid)
    return bool(user) and verb in ALLOWED.get(user, _EVERYONE)


def narrowed(uid: int, verb: str, said: Mapping[str, Any]) -> str:
    """Why a user who may say a verb may not say it of this; empty: he may. Raises KeyError for a missing argument.

    A stranger's path would have the station open what only the station may.
    """
    if verb != "model_import" or uid in (0, os.getuid()):
        return ""
    file, of = said["file"], said.get("of", INCOMING)
    own = UPLOADS if _named(uid) == WEB_USER else INCOMING
    if of == own and isinstance(file, str) and file and Path(file).name == file and not file.startswith("."):
        return ""
    shown = f"file {str(file)[:200]!r}" + (f" of {str(of)[:40]!r}" if of != INCOMING else "")
    return f"{shown}: to uid {uid} a plain name in the data folder's {own}/ is allowed"


def _named(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def peer_uid(connection: socket.socket) -> int:
    """User id of the process at the other end (unix(7), SO_PEERCRED)."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", packed)[1]
    return uid


def read_line(connection: socket.socket) -> bytes:
    """One line without its end. Raises ControlFailed when it is too long or cut off."""
    parts: list[bytes] = []
    size = 0
    while True:
        chunk = connection.recv(65536)
        if not chunk:
            raise ControlFailed("control socket: the connection ended in the middle of a line")
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_LINE_BYTES + 1:
            raise ControlFailed(f"control socket: a line of more than {MAX_LINE_BYTES} bytes")
        if chunk.endswith(b"\n"):
            return b"".join(parts)[:-1]


def ask(runtime: Path, verb: str, timeout_s: float = 5.0, **arguments: object) -> dict[str, Any]:
    """Say one verb to the station and return its answer.

    Raises ControlFailed when the station is not running or too slow, StationRefused (one too) when it refuses.
    """
    path = runtime / SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(read_line(connection))
    except OSError as error:
        raise ControlFailed(f"no station answers at {path}: {error}") from error
    if not answer.get("ok"):
        raise StationRefused(str(answer.get("error", "refused without a reason")))
    return answer
