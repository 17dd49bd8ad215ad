"""Weights to and from torch.nn and Keras layers, and to ONNX: `shared/native/<path>.py` holds

    KINDS                        by public function, the type of the weights that are converted: a NamedTuple or a
                                 tuple of them. If a function takes a state as well, the NamedTuple has its
                                 arguments as fields
    to_torch_weights(weights)    {torch's name: array}, without needing torch
    from_torch(source)           the weights of a torch.nn.Module, or of a mapping from torch's names to arrays
    to_torch(weights, **options) a torch.nn.Module
    to_keras_weights(weights)    arrays in the order of Keras's `get_weights`, without needing Keras
    from_keras(source)           the weights of a Keras model or layer, or of a list of arrays in that order
    to_keras(weights, **options) a Keras model
    to_onnx(weights, **options)  an ONNX model, float32
    fits(weights, **options)     ValueError where layers do not go together, beyond what KINDS says (optional)

and where inputs or outputs look different there, `run_torch`, `run_keras` and `run_onnx`, of (function, model,
*inputs), which take and give what our function does. For optimizers see `shared.native.optimizers`.

Arrays keep their dtype, float32 or float64; a trip there and back returns the same bits. What does not fit is a
ValueError that names the tensor.
"""

from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import numpy as np

from shared.differences import flatten
from shared.support.shapes import checked

OPSET, IR = 20, 10  # of ONNX: the first opset with Gelu, and the file version that belongs to it


# --- torch ----------------------------------------------------------------------------------------------------


def arrays(source) -> dict[str, np.ndarray]:
    """The tensors of a torch.nn.Module, or of a mapping of torch tensors or arrays, as NumPy arrays by name."""
    named = source.state_dict() if hasattr(source, "state_dict") else source
    return {name: np.asarray(x.detach().cpu() if hasattr(x, "detach") else x) for name, x in named.items()}


def take(weights: dict[str, np.ndarray], *names: str) -> list[np.ndarray]:
    """The tensors of these names; ValueError if one is missing or there are others."""
    for name in [*names, *weights]:
        if name not in weights:
            raise ValueError(f"tensor {name!r} is missing, there are: {', '.join(weights) or 'none'}")
        if name not in names:
            raise ValueError(f"tensor {name!r} has no counterpart, expected only {', '.join(names)}")
    return [weights[name] for name in names]


def loaded(module, weights: dict[str, np.ndarray]):
    """A torch.nn.Module in the dtype of these weights, and with them."""
    import torch

    tensors = {name: torch.from_numpy(np.array(x, order="C")) for name, x in weights.items()}
    module.to(next(x.dtype for x in tensors.values() if x.is_floating_point()))
    module.load_state_dict(tensors)
    return module


# --- Keras ----------------------------------------------------------------------------------------------------


def listed(source, count: int | None = None) -> list[np.ndarray]:
    """The weights of a Keras model or layer, or of a list of arrays; ValueError if there are not `count`."""
    weights = [np.asarray(x) for x in (source.get_weights() if hasattr(source, "get_weights") else source)]
    if count is not None and len(weights) != count:
        raise ValueError(f"there are {len(weights)} arrays of weights, expected {count}")
    return weights


def sequential(n_features: int, layers: list, weights: list[np.ndarray]):
    """A Keras model of (N, n_features) inputs with these layers and weights."""
    import keras

    model = keras.Sequential([keras.Input((n_features,), dtype=str(weights[0].dtype)), *layers])
    model.set_weights(weights)
    return model


# --- ONNX -----------------------------------------------------------------------------------------------------


def onnx_model(nodes: list[tuple], weights: dict[str, np.ndarray], inputs: dict[str, list], outputs: dict[str, list]):
    """An ONNX model, checked. nodes: (operation, inputs, outputs) or, with attributes, a dict as fourth; - is an
    input left out. weights by name, floats become float32. inputs and outputs: their shapes, a string for a size
    that may vary."""
    import onnx

    def described(shapes):
        return [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, s) for name, s in shapes.items()]

    def names(text):
        return [name.strip("-") for name in text.split()]

    def stored(name, x):
        sound({name: x}, np.finfo("f4").max)
        return onnx.numpy_helper.from_array(np.ascontiguousarray(x, "f4" if x.dtype.kind == "f" else None), name)

    made = [onnx.helper.make_node(op, names(ins), names(outs), **dict(*more)) for op, ins, outs, *more in nodes]
    initial = [stored(name, x) for name, x in weights.items()]
    graph = onnx.helper.make_graph(made, "triptych", described(inputs), described(outputs), initial)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, producer_name="triptych", opset_imports=opsets, ir_version=IR)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f"ONNX refuses the model: {str(error).strip().splitlines()[0]}") from None
    return model


# --- trees and names ------------------------------------------------------------------------------------------


def leaves(tree) -> dict[str, np.ndarray]:
    """The arrays of a tree by the expression that reaches them, `W`, `lstm.W_x`, `[0].b`."""
    return {name.removeprefix("."): x for name, x in flatten(tree, "").items()}


def build(kind, leaves: dict[str, np.ndarray], name: str = "") -> Any:
    """The tree of type `kind` from arrays by the expression that reaches them, `W`, `lstm.W_x`, `[0].b`; every array
    that is used is taken out of `leaves`. ValueError if one is missing."""
    if get_origin(kind) is Annotated:  # `Annotated[X, Chain(...)]`
        kind = get_args(kind)[0]
    if isinstance(kind, UnionType):  # `X | None`
        if not any(leaf == name or leaf.startswith((f"{name}.", f"{name}[")) for leaf in leaves):
            return None
        options = [option for option in get_args(kind) if option is not NoneType]
        kind = options[0] if len(options) == 1 else _fitting(options, leaves, name)
    if hasattr(kind, "_fields"):
        fields = [build(kind.__annotations__[f], leaves, f"{name}.{f}".strip(".")) for f in kind._fields]
        return kind(*fields)
    if getattr(kind, "__origin__", None) is tuple:
        item, items = get_args(kind)[0], []
        while any(leaf.startswith(f"{name}[{len(items)}]") for leaf in leaves):
            items.append(build(item, leaves, f"{name}[{len(items)}]"))
        return tuple(items)
    if name not in leaves:
        raise ValueError(f"{name} is missing")
    return leaves.pop(name)


def _fitting(options, leaves, name):
    """The first of several types whose fields are there, in shapes that go together; the last one if none fits."""
    for option in options:
        try:
            check(build(option, dict(leaves), name), option)
        except ValueError:
            continue
        return option
    return options[-1]


def sound(leaves: dict[str, np.ndarray], largest: float = np.inf):
    """ValueError, naming the leaf, if there is an empty one, another dtype than those of weights, a NaN or infinity,
    or a number that is larger than `largest`, the end of the dtype that it will be stored in."""
    for name, x in leaves.items():
        if x.dtype.kind not in "iu" and x.dtype.name not in ("float32", "float64"):
            raise ValueError(f"{name} has dtype {x.dtype.name}, expected float32 or float64")
        if not x.size:
            raise ValueError(f"{name} has shape {x.shape}, expected at least one number")
        if not np.isfinite(x).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
        top = np.abs(x).max()
        if top > largest:
            raise ValueError(f"{name} holds numbers as large as {top:g}, expected at most {largest:g}, for float32")


def check(weights, kind):
    """ValueError, naming the leaf, if shapes or dtypes are not those that the annotations of `kind` say."""

    def same(weights):
        return weights

    same.__name__ = kind.__name__ if hasattr(kind, "_fields") else "layers"
    same.__annotations__ = {"weights": kind}
    return checked(same)(weights)
