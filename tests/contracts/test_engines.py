"""The contract suite over the engines that a station has; torch's is with the tests of its extra."""

import importlib.util

import pytest

from tests.contracts.engine_contract import EngineContract, SeeingContract, tiny

__all__ = ["tiny"]

needs_onnxruntime = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="needs the extra onnxruntime"
)


class TestCanned(EngineContract):
    @pytest.fixture
    def kind(self) -> str:
        return "canned"


class TestOpenVino(SeeingContract):
    @pytest.fixture
    def kind(self) -> str:
        return "openvino"


@needs_onnxruntime
class TestOnnxRuntime(SeeingContract):
    @pytest.fixture
    def kind(self) -> str:
        return "onnxruntime"
