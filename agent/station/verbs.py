"""What can be said to the station: one function a verb of `agent.control`."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import numpy as np

from agent.errors import ControlFailed
from agent.ports import Camera, Clock, Misbehaves
from agent.station.cameras.decode import no_pixels
from agent.station.cameras.push import Push
from agent.station.lane import Lane
from agent.station.live import Live
from agent.station.memory import LaneMemory
from agent.station.pause import Paused
from agent.station.server import Verb
from agent.station.state import UplinkSays
from agent.status import Status, UplinkState
from agent.store.write import Writer
from pipelines.values import Purpose, Rule

log = logging.getLogger(__name__)

JUDGE_TIMEOUT_S = 20.0
MOST = 2**53
"""Beyond any count; SQLite's integers end at 2**63."""
UPDATE_EVENTS = ("update_started", "update_resumed", "update_progress", "update_waiting", "update_downloaded") + (
    "update_refused",
    "update_cancelled",
    "update_done",
)
MOST_DETAILS = 12


class Verbs:
    """Carries the verbs out. Called from the control socket's threads."""

    def __init__(
        self,
        *,
        runtime: Path,
        lanes: Mapping[str, Lane],
        pushes: Mapping[str, Push],
        drivers: Mapping[str, Camera],
        store: Writer,
        live: Live,
        clock: Clock,
        memory: LaneMemory,
        change_recipe: Callable[[str, str], str],
        stop: Callable[[], None],
    ) -> None:
        self.snapshot: Status | None = None
        """The newest state, swapped in by the main loop twice a second."""
        self.uplink = UplinkSays()
        self._runtime = runtime
        self._lanes = lanes
        self._pushes = pushes
        self._drivers = drivers
        self._store = store
        self._live = live
        self._clock = clock
        self._memory = memory
        self._change_recipe = change_recipe
        self._stop = stop

    def table(self) -> Mapping[str, Verb]:
        return {
            "status": self.status,
            "settle": self.settle,
            "pause": self.pause,
            "resume": self.resume,
            "set_up": self.set_up,
            "recipe": self.recipe,
            "resend": self.resend,
            "watch": self.watch,
            "judge": self.judge,
            "uplink": self.uplink_says,
            "update": self.update,
            "misbehave": self.misbehave,
            "stop": self.stop,
        }

    def status(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        if self.snapshot is None:
            raise ControlFailed("the station is starting")
        return {"status": self.snapshot.model_dump(mode="json")}

    def settle(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        missing = tuple(_number(seq, "missing") for seq in said.get("missing", ()))
        return {"settled": self._store.settle(str(said["epoch"]), _number(said["seq"], "seq"), missing)}

    def pause(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        lanes = self._chosen(said)
        why = str(said.get("why", ""))[:200]
        for lane in lanes:
            lane.paused = Paused(True, why)
            self._remember(lane.name, True, why)
            self._store.event("paused", lane=lane.name, why=why)
        return {"paused": [lane.name for lane in lanes]}

    def resume(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        lanes = self._chosen(said)
        for lane in lanes:
            self._remember(lane.name, False, "")
            lane.paused = Paused()
            self._store.event("resumed", lane=lane.name)
        return {"resumed": [lane.name for lane in lanes]}

    def set_up(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """The lane's pictures are for whoever sets up its camera. After a restart it is paused, no more than that."""
        (lane,) = self._chosen({"lane": str(said["lane"]) or " "})
        why = str(said.get("why", ""))[:200]
        self._remember(lane.name, True, why)
        lane.paused = Paused(True, why, setting_up=True)
        self._store.event("set_up", lane=lane.name, why=why)
        return {"lane": lane.name}

    def _remember(self, lane: str, paused: bool, why: str) -> None:
        """A pause outlives a restart. Raises ControlFailed when it cannot be made durable."""
        try:
            self._memory.paused(lane, paused, why)
        except OSError as error:
            raise ControlFailed(f"lane {lane}: this cannot be made durable: {error.strerror}") from error

    def recipe(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        (lane,) = self._chosen({"lane": said["lane"]})
        return {"revision": self._change_recipe(lane.name, str(said["name"]))}

    def resend(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        first, last = _number(said["from_seq"], "from_seq"), _number(said["to_seq"], "to_seq")
        if not 1 <= first <= last:
            raise ValueError(f"from_seq {first} to_seq {last}: allowed is 1 <= from_seq <= to_seq")
        return {"queued": self._store.resend(first, last)}

    def watch(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        return {"lease_s": self._live.watch()}

    def judge(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        name = self._push_lane(str(said.get("lane", "")))
        lane = self._lanes[name]
        if lane.job is None or lane.paused.on:
            why = lane.trouble or (f"paused {lane.paused.why}" if lane.paused.on else "the model is being compiled")
            raise ControlFailed(f"lane {name!r} is not ready: {why}")
        if lane.gate is not None and (why := lane.gate.refusal(lane.job, str(said.get("part_id", ""))[:200])):
            raise ControlFailed(f"lane {name!r} is not ready: {why}")
        fault = Rule(said["fault"]) if "fault" in said else None
        if fault is not None and fault not in (Rule.UNREADABLE, Rule.INCOMPLETE):
            raise ValueError(f"fault {fault}: unreadable and incomplete are allowed")
        pixels = no_pixels() if fault is not None else self._handed_over(str(said["file"]))
        done = threading.Event()
        answer: list[int] = []

        def committed(record_id: int) -> None:
            answer.append(record_id)
            done.set()

        purpose = Purpose(said.get("purpose", "api"))
        self._pushes[name].put(
            pixels,
            part_id=str(said.get("part_id", ""))[:200],
            source=str(said.get("source", ""))[:400],
            purpose=purpose,
            committed=committed,
            fault=fault,
            note=str(said.get("note", ""))[:400],
        )
        if not done.wait(JUDGE_TIMEOUT_S):
            raise ControlFailed(f"lane {name!r} did not judge the picture within {JUDGE_TIMEOUT_S:.0f} s")
        return {"record": answer[0]}

    def uplink_says(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        state = said["state"]
        known: tuple[UplinkState, ...] = get_args(UplinkState)
        if state not in known:
            raise ValueError(f"state {state!r}: allowed are {', '.join(known)}")
        self.uplink = UplinkSays(
            state,
            str(said.get("detail", ""))[:200],
            _number(said.get("sent", 0), "sent"),
            self._clock.now(),
            _number(said.get("refused", 0), "refused"),
        )
        return {}

    def update(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """A step of an update that the uplink carries out: an event, as if it were the station's own."""
        name, detail = said["event"], said["detail"]
        if name not in UPDATE_EVENTS:
            raise ValueError(f"event {str(name)[:40]!r}: allowed are {', '.join(UPDATE_EVENTS)}")
        if not isinstance(detail, dict) or len(detail) > MOST_DETAILS:
            raise ValueError(f"detail: an object with at most {MOST_DETAILS} names is allowed")
        plain = {
            str(k)[:40]: v[:1000] if isinstance(v, str) else v
            for k, v in detail.items()
            if isinstance(v, str | int | float) and abs(len(v) if isinstance(v, str) else v) < MOST
        }
        self._store.event(name, **{k: v for k, v in plain.items() if k not in ("name", "self")})
        return {}

    def misbehave(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        (lane,) = self._chosen({"lane": said["lane"]})
        driver = self._drivers.get(lane.name)
        if not isinstance(driver, Misbehaves):
            raise ControlFailed(f"lane {lane.name!r} has a {lane.config.camera.kind} camera; only a virtual one obeys")
        driver.misbehave(str(said["kind"]), float(said["for_s"]))
        return {}

    def stop(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        self._stop()
        return {}

    def _chosen(self, said: Mapping[str, Any]) -> Sequence[Lane]:
        name = str(said.get("lane", ""))
        if not name:
            return tuple(self._lanes.values())
        if name not in self._lanes:
            raise ControlFailed(f"unknown lane {name!r}; known: {', '.join(self._lanes)}")
        return (self._lanes[name],)

    def _push_lane(self, name: str) -> str:
        if not name and self._pushes:
            return next(iter(self._pushes))
        if name not in self._pushes:
            known = ", ".join(self._pushes) or "none is configured"
            raise ControlFailed(f"lane {name!r} takes no pictures; lanes with a push camera: {known}")
        return name

    def _handed_over(self, file: str) -> "np.typing.NDArray[np.uint8]":
        if "/" in file or not file.endswith(".npy") or file.startswith("."):
            raise ValueError(f"file {file!r}: a plain name ending in .npy, in the runtime folder's push/, is allowed")
        path = self._runtime / "push" / file
        try:
            pixels: np.typing.NDArray[np.uint8] = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ControlFailed(f"picture {file!r} cannot be read: {error}") from error
        finally:
            with suppress(OSError):
                path.unlink()
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise ValueError(f"picture {file!r}: {pixels.dtype} {pixels.shape}; uint8 (height, width, 3) is allowed")
        return pixels


def _number(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise ValueError(f"{name} {str(value)[:40]}: a whole number from 0 to {MOST} is allowed")
    return value
