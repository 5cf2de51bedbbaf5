"""The engines by name. A driver is imported when it is chosen."""

from collections.abc import Callable, Mapping
from pathlib import Path

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.engines.engine import Engine


def _openvino(config: EngineConfig, cache: Path) -> Engine:
    from agent.station.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(config, cache)


def _canned(config: EngineConfig, _cache: Path) -> Engine:
    from agent.station.engines.canned import CannedEngine

    return CannedEngine(config)


def _onnxruntime(config: EngineConfig, _cache: Path) -> Engine:
    try:
        from agent.station.engines.onnx import OnnxEngine
    except ModuleNotFoundError as error:
        raise _missing("onnxruntime", "onnxruntime", error) from error
    return OnnxEngine(config)


def _torch(config: EngineConfig, _cache: Path) -> Engine:
    # The one place of a station that takes something of training, and only when it is told to.
    try:
        from training.torch_engine import TorchEngine
    except ModuleNotFoundError as error:
        raise _missing("torch", "training", error) from error
    return TorchEngine(config)


def _missing(kind: str, extra: str, error: ModuleNotFoundError) -> EngineFailed:
    return EngineFailed(f"engine {kind} needs the extra {extra}: pip install 'okng[{extra}]' (no {error.name})")


ENGINES: Mapping[str, Callable[[EngineConfig, Path], Engine]] = {
    "openvino": _openvino,
    "canned": _canned,
    "onnxruntime": _onnxruntime,
    "torch": _torch,
}
"""By `engine.kind`: (configuration, folder of the compiled-model cache) to the engine. Raises EngineFailed
where the kind's extra is not installed."""
