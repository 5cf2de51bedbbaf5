"""Makes an INT8 graph's files small without changing what it answers.

What is left of large floating point constants (weights of kept convolutions, anchors) is stored as FP16, as in any
FP16 graph (OpenVINO's own compression leaves quantised graphs alone), equal constants once, and the .xml is written
without blanks, names and the shapes that OpenVINO works out by itself when it reads it: half its size.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

LARGE = 1024
"""Elements from which a constant is worth storing in fewer bytes."""


def compact(model: Any) -> None:
    """Changes a graph in place."""
    known: dict[tuple[str, str, bytes], Any] = {}
    for op in model.get_ordered_ops():
        if op.get_type_name() != "Constant":
            continue
        stored = _as_f16(op)
        if stored is None:
            key = (op.get_element_type().to_string(), str(op.get_output_shape(0)), op.data.tobytes())
            stored = known.setdefault(key, op)
        if stored is not op:
            for reader in op.output(0).get_target_inputs():
                reader.replace_source_output(stored.output(0))
    model.validate_nodes_and_infer_types()


def _as_f16(op: Any) -> Any:
    """A large float32 constant as FP16 and its conversion back; None where it is small, or too wide for FP16."""
    from openvino import opset13 as ops  # type: ignore[import-untyped]

    if op.get_element_type().to_string() != "f32" or op.data.size < LARGE:
        return None
    if np.abs(op.data).max() > np.finfo(np.float16).max:
        return None
    return ops.convert(ops.constant(op.data.astype(np.float16), dtype=np.float16), "f32")


def save_small(model: Any, file: Path) -> Path:
    """Writes a graph as .xml and .bin; its layers have numbers for names, but for inputs and outputs."""
    import openvino as ov

    for number, op in enumerate(model.get_ordered_ops()):
        if op.get_type_name() in ("Parameter", "Result"):
            continue
        op.set_friendly_name(str(number))
        for output in op.outputs():
            if not any(reader.get_node().get_type_name() == "Result" for reader in output.get_target_inputs()):
                output.get_tensor().set_names(set())
    file.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, file, compress_to_fp16=True)
    text = re.sub(r">\s+<", "><", file.read_text(encoding="utf-8"))
    text = re.sub(r"<layer .*?</layer>", _without_shapes, text).replace('" />', '"/>')
    file.write_text(text, encoding="utf-8")
    return file


def _without_shapes(layer: "re.Match[str]") -> str:
    """A layer without its ports' shapes; the graph's inputs and outputs, and constants, keep theirs: programs read
    those."""
    if 'type="Parameter"' in layer[0] or 'type="Result"' in layer[0] or 'type="Const"' in layer[0]:
        return layer[0]
    bare = re.sub(r"<dim>-?\d+</dim>", "", layer[0]).replace("></port>", "/>")
    return re.sub(r"<input>.*?</input>", lambda ports: re.sub(r' precision="\w+"', "", ports[0]), bare)
