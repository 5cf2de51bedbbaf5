"""What a part costs on the wire, as a share of a summary, against sending its picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from agent.station.cameras.virtual.boards import draw_board
from agent.station.cameras.virtual.layout import draw_layout
from agent.uplink.messages import AckMessage
from agent.uplink.payload import encode
from benchmarks.fleet.simulated import MINUTE_US, START_US, Simulated

MQTT_BYTES, TCP_BYTES, PUBACK_BYTES = 9, 40, 4
"""A PUBLISH's own bytes besides topic and payload (MQTT 5: header, lengths, id, no properties); TCP and IP of a
segment; a PUBACK."""
SEGMENT_BYTES = 1448


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes on the wire between a station and its broker, both ways, with their TCP and IP."""

    parts_a_minute: int
    summary_bytes: float
    """A whole minute: the summary, its PUBACK, the centre's word and its PUBACK."""
    part_bytes: float
    picture_bytes: float
    """One JPEG of a part, quality 90, 640 x 640 px, sent in the same way."""
    saved_share: float


def on_the_wire(parts_a_minute: int = 600, minutes: int = 60) -> Wire:
    """At 10 parts a second, a picture each."""
    station = Simulated("station1", parts_a_window=parts_a_minute)
    sent = [station.window(START_US + n * MINUTE_US) for n in range(minutes)]
    word = encode(AckMessage.model_validate({"schema": "okng.ack/1", "epoch": station.epoch, "seq": minutes}))
    there = sum(_publish(f"{station.prefix}/{topic}", len(payload)) for topic, payload in sent) / minutes
    summary = there + _publish(f"{station.prefix}/ack", len(word))
    picture = _publish(f"{station.prefix}/picture", _jpeg_bytes())
    part = summary / parts_a_minute
    return Wire(parts_a_minute, summary, part, picture, 1 - part / picture)


def _publish(topic: str, payload: int) -> float:
    said = MQTT_BYTES + len(topic) + payload
    return said + TCP_BYTES * -(-said // SEGMENT_BYTES) + PUBACK_BYTES + TCP_BYTES


def _jpeg_bytes() -> int:
    rng = np.random.default_rng(1)
    pictures = [draw_board(draw_layout(1), rng, bad=n % 5 == 0).pixels for n in range(10)]
    sizes = [len(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]) for p in pictures]
    return round(sum(sizes) / len(sizes))
