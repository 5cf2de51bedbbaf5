"""Keeps what training uses from talking to anybody.

`import openvino` and nncf report to a server on the internet unless the telemetry package cannot be
imported; Ultralytics sends events, looks for updates and installs packages by itself unless told not to.
"""

import importlib.util
import os
import sys


def offline(download: bool = False) -> None:
    """Call before the first import of ultralytics, nncf or openvino. `download`: Ultralytics may fetch weights."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    if not download:
        os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")


def complete() -> None:
    """Raises ModuleNotFoundError, before hours are spent, where a part of the extra `training` is missing."""
    for name in ("ultralytics", "torch", "nncf", "onnx", "openvino", "faster_coco_eval"):
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"no {name}", name=name)
