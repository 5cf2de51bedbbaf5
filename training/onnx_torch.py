"""An ONNX graph as PyTorch operations: the operators that YOLO detectors are made of, one by one.

The graph is read as data: protobuf and plain numbers, no pickles and no code, so that a bundle can hold it.
Whatever does not depend on the picture (shapes, grids, anchors) is worked out once, when the graph is bound to
an input size. Operators as ONNX's Operators.md describes them, opset 13 to 20; float32 or as `kind` says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch.nn import functional

from agent.errors import EngineFailed

Attributes = Mapping[str, Any]
Value = Any
"""A tensor, or None for an input that is left out; a list of numbers where `NUMBERS` says so."""

NUMBERS: Mapping[str, frozenset[int]] = {
    "Reshape": frozenset({1}), "Slice": frozenset({1, 2, 3, 4}), "Resize": frozenset({1, 2, 3}),
    "Split": frozenset({1}), "Squeeze": frozenset({1}), "Unsqueeze": frozenset({1}), "Expand": frozenset({1}),
    "TopK": frozenset({1}), "CumSum": frozenset({1}), "ConstantOfShape": frozenset({0}), "Tile": frozenset({1}),
    "ReduceMax": frozenset({1}), "ReduceSum": frozenset({1}), "ReduceMean": frozenset({1}),
    "Range": frozenset({0, 1, 2}),
}  # fmt: skip
"""Operator -> inputs that say how, and must be known when the graph is bound."""
KINDS = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64}
"""Of TensorProto.DataType."""


def _window(a: Attributes) -> tuple[list[int], list[int], list[int]]:
    """Pads (top, left, bottom, right), strides and dilations of a convolution or pooling. Raises EngineFailed."""
    if a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or a.get("ceil_mode", 0):
        raise EngineFailed("auto_pad and ceil_mode are not among what is known here")
    return a.get("pads", [0, 0, 0, 0]), a.get("strides", [1, 1]), a.get("dilations", [1, 1])


def _padded(x: Value, pads: Sequence[int], fill: float) -> Value:
    return functional.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=fill) if any(pads) else x


def _conv(a: Attributes, x: Value, weight: Value, bias: Value = None) -> Value:
    pads, strides, dilations = _window(a)
    even = tuple(pads[:2]) == tuple(pads[2:])
    x = x if even else _padded(x, pads, 0.0)
    return functional.conv2d(x, weight, bias, strides, pads[:2] if even else 0, dilations, a.get("group", 1))


def _max_pool(a: Attributes, x: Value) -> Value:
    pads, strides, dilations = _window(a)
    return functional.max_pool2d(_padded(x, pads, -torch.inf), a["kernel_shape"], strides, 0, dilations)


def _average_pool(a: Attributes, x: Value) -> Value:
    pads, strides, _ = _window(a)
    if any(pads) and not a.get("count_include_pad", 0):
        raise EngineFailed("AveragePool with a border that does not count is not known here")
    return functional.avg_pool2d(_padded(x, pads, 0.0), a["kernel_shape"], strides)


def _slice(_: Attributes, x: Value, begin: Value, end: Value, axes: Value = None, steps: Value = None) -> Value:
    for i, axis in enumerate(axes or range(len(begin))):
        if steps and steps[i] != 1:
            there = range(x.shape[axis])[slice(begin[i], end[i], steps[i])]
            x = x.index_select(axis, torch.tensor(list(there), device=x.device))
        else:
            first, last, _by = slice(begin[i], end[i]).indices(x.shape[axis])
            x = x.narrow(axis, first, max(0, last - first))
    return x


def _split(a: Attributes, x: Value, sizes: Value = None) -> Value:
    axis = a.get("axis", 0)
    return x.split(sizes, axis) if sizes else x.chunk(a["num_outputs"], axis)


def _resize(a: Attributes, x: Value, _region: Value = None, scales: Value = None, sizes: Value = None) -> Value:
    mode = a.get("mode", "nearest")
    height, width = sizes[2:] if sizes else (int(s * f) for s, f in zip(x.shape[2:], scales[2:], strict=True))
    how = (a.get("coordinate_transformation_mode", "half_pixel"), a.get("nearest_mode", "round_prefer_floor"))
    if mode != "nearest" or how != ("asymmetric", "floor"):
        raise EngineFailed(f"Resize by {mode}, {', '.join(how)} is not known here, only by nearest, asymmetric, floor")
    return functional.interpolate(x, (height, width), mode="nearest")


def _reshape(a: Attributes, x: Value, shape: Value) -> Value:
    return x.reshape([x.shape[i] if n == 0 and not a.get("allowzero", 0) else n for i, n in enumerate(shape)])


def _gather(a: Attributes, x: Value, index: Value) -> Value:
    axis = a.get("axis", 0) % x.dim()
    index = torch.where(index < 0, index + x.shape[axis], index)
    picked = x.index_select(axis, index.reshape(-1))
    return picked.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _gather_elements(a: Attributes, x: Value, index: Value) -> Value:
    axis = a.get("axis", 0)
    return x.gather(axis, torch.where(index < 0, index + x.shape[axis], index))


def _div(_: Attributes, x: Value, y: Value) -> Value:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def _top_k(a: Attributes, x: Value, count: Value) -> Value:
    return torch.topk(x, count[0], a.get("axis", -1), bool(a.get("largest", 1)), bool(a.get("sorted", 1)))


def _unsqueeze(_: Attributes, x: Value, axes: Value) -> Value:
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _axes(a: Attributes, x: Value, given: Value) -> list[int]:
    return given or a.get("axes") or list(range(x.dim()))


def _constant(a: Attributes, shape: Value) -> Value:
    value = a["value"].item() if "value" in a else 0.0
    return torch.full(shape, value, dtype=a["value"].dtype if "value" in a else torch.float32)


OPERATORS: Mapping[str, Callable[..., Value]] = {
    "Conv": _conv, "MaxPool": _max_pool, "AveragePool": _average_pool, "Slice": _slice, "Split": _split,
    "Resize": _resize, "Reshape": _reshape, "Gather": _gather, "GatherElements": _gather_elements, "Div": _div,
    "TopK": _top_k, "Unsqueeze": _unsqueeze, "ConstantOfShape": _constant,
    "Constant": lambda a: a["value"],
    "Identity": lambda _, x: x,
    "Sigmoid": lambda _, x: torch.sigmoid(x),
    "Relu": lambda _, x: torch.relu(x),
    "Exp": lambda _, x: torch.exp(x),
    "Sqrt": lambda _, x: torch.sqrt(x),
    "Floor": lambda _, x: torch.floor(x),
    "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Mod": lambda a, x, y: torch.fmod(x, y) if a.get("fmod", 0) else torch.remainder(x, y),
    "MatMul": lambda _, x, y: x @ y,
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Transpose": lambda a, x: x.permute(a.get("perm") or list(range(x.dim()))[::-1]),
    "Shape": lambda a, x: torch.tensor(list(x.shape)[a.get("start", 0) : a.get("end")]),
    "Cast": lambda a, x: x.to(KINDS[a["to"]]),
    "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1),
    "Squeeze": lambda _, x, axes=None: x.squeeze(axes) if axes else x.squeeze(),
    "Expand": lambda _, x, shape: x.expand(torch.broadcast_shapes(x.shape, shape)),
    "Tile": lambda _, x, repeats: x.repeat(repeats),
    "CumSum": lambda _, x, axis: x.cumsum(axis[0]),
    "ReduceMax": lambda a, x, axes=None: x.amax(_axes(a, x, axes), bool(a.get("keepdims", 1))),
    "ReduceSum": lambda a, x, axes=None: x.sum(_axes(a, x, axes), bool(a.get("keepdims", 1))),
    "ReduceMean": lambda a, x, axes=None: x.mean(_axes(a, x, axes), bool(a.get("keepdims", 1))),
    "Range": lambda _, first, end, step: torch.arange(first[0], end[0], step[0]),
}  # fmt: skip
"""(attributes, inputs in their order) to the output, or a tuple of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One operator that depends on the picture."""

    operator: str
    attributes: Attributes
    given: tuple[tuple[str, Value], ...]
    """(name of what the picture makes, None), or ("", what is known)."""
    made: tuple[str, ...]
    done: tuple[str, ...]
    """What nothing after this step needs any more."""

    def of(self, values: Mapping[str, Value]) -> tuple[Value, ...]:
        known = [values[name] if name else value for name, value in self.given]
        result = OPERATORS[self.operator](self.attributes, *known)
        return tuple(result) if isinstance(result, tuple | list) else (result,)


class TorchGraph:
    """A graph bound to one device and input size. Any thread may call it."""

    def __init__(self, given: str, made: str, steps: Sequence[_Step]) -> None:
        self._given, self._made, self._steps = given, made, tuple(steps)

    def __call__(self, picture: Any) -> Any:
        """(1, 3, height, width) to the output, both on the device. Raises RuntimeError, as torch does."""
        values = {self._given: picture}
        for step in self._steps:
            values.update(zip(step.made, step.of(values), strict=False))
            for name in step.done:
                values.pop(name, None)
        return values[self._made]


def read(file: Path) -> Any:
    """The ModelProto. Raises EngineFailed where it is none, or has operators that are not known here."""
    try:
        model = onnx.load(str(file), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise EngineFailed(f"{file.name} cannot be read: {error}") from error
    if len(_inputs(model)) != 1 or len(model.graph.output) != 1:
        got = f"{len(_inputs(model))} inputs and {len(model.graph.output)} outputs"
        raise EngineFailed(f"{file.name} has {got}, wanted one of each")
    if strange := sorted({n.op_type for n in model.graph.node} - set(OPERATORS)):
        raise EngineFailed(f"{file.name} has operators that the torch engine does not know: {', '.join(strange)}")
    return model


def input_shape(model: Any) -> list[int | None]:
    """Of the input; None: the graph leaves it open."""
    return [one.dim_value or None for one in _inputs(model)[0].type.tensor_type.shape.dim]


def bind(model: Any, picture: Any) -> TorchGraph:
    """The graph for pictures like this one (1, 3, height, width), on its device and in its kind of number.

    Runs it once. Raises EngineFailed, naming the operator, where torch does not take it.
    """
    known: dict[str, Value] = {t.name: _ours(_tensor(t), picture) for t in model.graph.initializer}
    given, made = _inputs(model)[0].name, model.graph.output[0].name
    values: dict[str, Value] = {given: picture}
    steps: list[_Step] = []
    for node in model.graph.node:
        step = _step(node, known, values, picture)
        try:
            results = step.of(values)
        except (RuntimeError, TypeError, ValueError, LookupError) as error:
            raise EngineFailed(f"{node.op_type} {node.name}: {str(error).splitlines()[0][:200]}") from error
        # A shape is known although the picture is not: its size is the same every time.
        if node.op_type == "Shape" or not any(name for name, _ in step.given):
            known.update(zip(step.made, (_ours(r, picture) for r in results), strict=False))
        else:
            values.update(zip(step.made, results, strict=False))
            steps.append(step)
    if made not in values:
        raise EngineFailed(f"the output {made} does not depend on the picture")
    return TorchGraph(given, made, _with_ends(steps, keep=made))


def _step(node: Any, known: Mapping[str, Value], values: Mapping[str, Value], picture: Any) -> _Step:
    attributes = {a.name: _attribute(a) for a in node.attribute}
    if "value" in attributes:
        attributes["value"] = _ours(attributes["value"], picture)
    numbers = NUMBERS.get(node.op_type, frozenset())
    given: list[tuple[str, Value]] = []
    for i, name in enumerate(node.input):
        if name and name not in known and name not in values:
            raise EngineFailed(f"{node.op_type} {node.name}: its input {name} is made by nothing before it")
        if i in numbers and name:
            if name not in known:
                raise EngineFailed(f"{node.op_type} {node.name}: its {name} depends on the picture")
            given.append(("", known[name].reshape(-1).tolist()))
        else:
            given.append((name, None) if name in values else ("", known.get(name)))
    return _Step(node.op_type, attributes, tuple(given), tuple(node.output), ())


def _with_ends(steps: Sequence[_Step], keep: str) -> list[_Step]:
    """The steps with what each is the last to need."""
    needed, out = {keep}, []
    for step in reversed(steps):
        names = {name for name, _ in step.given if name} | set(step.made)
        out.append(_Step(step.operator, step.attributes, step.given, step.made, tuple(names - needed)))
        needed |= names
    return out[::-1]


def _ours(value: Any, picture: Any) -> Any:
    """Numbers of the network on the picture's device in its kind; counts and places in the CPU's memory."""
    if value is None or not value.is_floating_point():
        return value if value is None or picture.device.type == "cpu" else value.to(picture.device)
    return value.to(picture.device, picture.dtype)


def _tensor(tensor: Any) -> Any:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise EngineFailed(f"{tensor.name} is outside of its file")
    return torch.from_numpy(np.array(numpy_helper.to_array(tensor)))


def _attribute(attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _tensor(value)
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS) else value


def _inputs(model: Any) -> list[Any]:
    """Older exports name the weights among the inputs as well."""
    known = {tensor.name for tensor in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in known]
