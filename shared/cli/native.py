"""`triptych export` and `triptych import`: weights in files to and from PyTorch, Keras and ONNX."""

import importlib.util
import inspect
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np
import optree
import typer
from safetensors.numpy import save

from shared import backends, catalogue, files, native
from shared.cli.console import Algo, place
from shared.support.shapes import Range

RANGES = {"eps": Range("(0, inf)"), "momentum": Range("[0, 1]")}
WHOLE = Range("[1, inf)")  # of counts: stride, dilation, groups, pools, iterations
SUFFIXES = {"torch": (".safetensors",), "keras": (".keras", ".weights.h5"), "onnx": (".onnx",)}


def export(
    algo: Algo,
    file: Annotated[
        Path, typer.Argument(parser=place, help="a checkpoint of `triptych train`, or weights by our names")
    ],
    to: Annotated[str, typer.Option(help="torch, keras or onnx")],
    out: Annotated[
        Path, typer.Option(parser=place, help="the file to write: .safetensors, .keras or .weights.h5, .onnx")
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="options that are not weights: activation=tanh, eps=1e-3")
    ] = None,
):
    """Write weights for another library: safetensors by torch's names, a Keras model, or an ONNX model in float32.

    Examples: triptych export lstm checkpoint.safetensors --to onnx --out lstm.onnx ·
    triptych export mlp weights.safetensors --to keras --out mlp.keras --set activation=tanh
    """
    path = catalogue.find(algo)
    module = _module(path)
    _check("--to", to, SUFFIXES, out)
    if to == "torch" and set_:
        raise ValueError("--set goes with keras and onnx: a file for torch holds weights alone")
    options = {} if to == "torch" else _options(getattr(module, f"to_{to}"), set_)
    weights = read(path, file)
    _fit(module, weights, options)
    if to == "torch":
        data = _saved(module.to_torch_weights(weights))
    elif to == "keras":
        data = _keras_bytes(module.to_keras(weights, **options), out)
    else:
        native.sound(native.leaves(weights), np.finfo("float32").max)
        weights = optree.tree_map(lambda x: np.asarray(x, "float32"), weights)
        data = module.to_onnx(weights, **options).SerializeToString()
    files.write(out, data)
    print(f"{out}: {_size(weights)} of {path} for {to}")


def import_(
    algo: Algo,
    file: Annotated[Path, typer.Argument(parser=place, help="safetensors by torch's names, or a .keras file")],
    from_: Annotated[str, typer.Option("--from", help="torch or keras")],
    out: Annotated[Path, typer.Option(parser=place, help="the .safetensors file to write, by our names")],
):
    """Read weights that another library wrote, and write them by our names.

    Examples: triptych import lstm torch.safetensors --from torch --out lstm.safetensors ·
    triptych import mlp mlp.keras --from keras --out mlp.safetensors
    """
    path = catalogue.find(algo)
    module = _module(path)
    if from_ not in ("torch", "keras"):
        raise ValueError(f"--from is {from_!r}, expected torch or keras")
    _check("--from", from_, {"torch": (".safetensors",), "keras": (".keras",)}, file)
    _check("--out", "torch", SUFFIXES, out)
    source = _tensors(file) if from_ == "torch" else _keras_model(file)
    try:
        if from_ == "torch":
            native.sound(source)
        weights = module.from_torch(source) if from_ == "torch" else module.from_keras(source)
        native.sound(native.leaves(weights))
        _fit(module, weights, {})
    except ValueError as error:
        raise ValueError(f"'{file}' does not hold the weights of {path}: {error}") from None
    files.write(out, _saved(native.leaves(weights)))
    print(f"{out}: {_size(weights)} of {path} from {from_}")


def read(path: str, file: Path) -> Any:
    """The weights of an algorithm from a checkpoint of a training run or from a file by our names, `W_x`, `[0].W`.

    ValueError, naming the file and a tensor, if they are not those of one of the algorithm's functions.
    """
    module, tensors, problems = _module(path), _tensors(file), []
    if any(name.startswith("state") for name in tensors) and any(name.startswith("history.") for name in tensors):
        places = getattr(module, "CHECKPOINT", {"state.params": ""})
        tensors = {
            f"{to}{name.removeprefix(place)}".removeprefix("."): x
            for place, to in places.items()
            for name, x in tensors.items()
            if name.startswith((f"{place}.", f"{place}["))
        }
    for kind in dict.fromkeys(module.KINDS.values()):
        left = dict(tensors)
        try:
            weights = native.build(kind, left)
            if left:
                raise ValueError(f"{next(iter(left))} has no place")
            native.sound(native.leaves(weights))
            return native.check(weights, kind)
        except ValueError as error:
            problems.append(str(error))
    told = ", or ".join(dict.fromkeys(problems))
    raise ValueError(f"'{file}' does not hold the weights of {path}: {told}")


def _module(path: str) -> ModuleType:
    module = catalogue.companion("native", path)
    if module is None or getattr(module, "KINDS", None) == {}:
        raise ValueError(f"{path} has no counterpart with weights in torch, Keras or ONNX")
    if not hasattr(module, "KINDS"):
        raise ValueError(f"{path} has a state and no weights: shared.native has to_torch and from_torch for it")
    return module


def _check(option: str, library: str, suffixes: dict[str, tuple], file: Path):
    if library not in suffixes:
        raise ValueError(f"{option} is {library!r}, expected {', '.join(suffixes)}")
    if not file.name.endswith(suffixes[library]):
        raise ValueError(f"'{file}' is for {library}, expected a name that ends in {' or '.join(suffixes[library])}")
    if library == "keras":
        backends.get("tf")  # says what is missing; and torch must be imported before TensorFlow
    if library == "onnx" and not importlib.util.find_spec("onnx"):
        raise ValueError("--to onnx needs onnx, which is not installed: pip install onnx")
    if option != "--from" and not file.parent.is_dir():
        raise ValueError(f"'{file}' cannot be written: '{file.parent}' is no folder")


def _fit(module: ModuleType, weights, options: dict[str, Any]):
    """Asks the module whether these weights go together, with those of the options that it looks at."""
    if hasattr(module, "fits"):
        looked_at = inspect.signature(module.fits).parameters
        module.fits(weights, **{name: value for name, value in options.items() if name in looked_at})


def _options(fn, given: list[str] | None) -> dict[str, Any]:
    """`["eps=1e-3"]` as keyword arguments of fn, of the type that its defaults have, and in range."""
    defaults = {p.name: p.default for p in inspect.signature(fn).parameters.values() if p.kind is p.KEYWORD_ONLY}
    options: dict[str, Any] = {}
    for item in given or ():
        name, _, value = item.partition("=")
        if name not in defaults:
            raise ValueError(f"--set {item}: expected one of {', '.join(defaults) or 'nothing to set'}")
        if name in options:
            raise ValueError(f"--set {item}: {name} is set twice")
        options[name] = _value(item, value, type(defaults[name]), RANGES.get(name, WHOLE))
    return options


def _value(item: str, text: str, kind: type, allowed: Range):
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"--set {item}: {text!r} is neither true nor false")
        return text.lower() == "true"
    if kind is str:
        return text
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"--set {item}: {text!r} is no {'whole ' if kind is int else ''}number") from None
    if not allowed.holds(np.asarray(value)):
        raise ValueError(f"--set {item}: expected a number in {allowed.interval}")
    return value


def _tensors(file: Path) -> dict[str, np.ndarray]:
    return files.tensors(file)[0]


def _saved(tensors: dict[str, np.ndarray]) -> bytes:
    return save({name: np.asarray(x, order="C") for name, x in tensors.items()})


def _keras_bytes(model, out: Path) -> bytes:
    suffix = next(s for s in SUFFIXES["keras"] if out.name.endswith(s))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"model{suffix}"
        (model.save if suffix == ".keras" else model.save_weights)(file)
        return file.read_bytes()


def _keras_model(file: Path):
    import keras

    if not file.is_file():
        raise ValueError(f"'{file}' does not exist")
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)  # safe: no code from the file is run
    except Exception as error:  # zip, JSON, HDF5, layers that are not known: Keras raises what it likes
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"'{file}' is not a Keras model that can be read: {line}") from None


def _size(weights) -> str:
    arrays = optree.tree_leaves(weights)
    return f"{len(arrays)} arrays, {sum(x.size for x in arrays):,} numbers"
