"""The engines by name. A driver is imported when it is chosen."""

from collections.abc import Callable, Mapping
from pathlib import Path

from agent.config import EngineConfig
from agent.station.engines.engine import Engine


def _openvino(config: EngineConfig, cache: Path) -> Engine:
    from agent.station.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(config, cache)


def _canned(config: EngineConfig, _cache: Path) -> Engine:
    from agent.station.engines.canned import CannedEngine

    return CannedEngine(config)


ENGINES: Mapping[str, Callable[[EngineConfig, Path], Engine]] = {"openvino": _openvino, "canned": _canned}
"""By `engine.kind`: (configuration, folder of the compiled-model cache) to the engine."""
