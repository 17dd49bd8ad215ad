"""Two MLPs, `encoder` and `decoder`, in torch, Keras and ONNX; each is as in shared/native/intro/mlp."""

from numpy_impl.intro.mlp import MLPLayer
from shared.native import listed, loaded, onnx_model, sequential, take
from shared.native.intro import mlp

HALVES = "encoder", "decoder"


def to_torch_weights(params):
    halves = zip(HALVES, params, strict=True)
    return {f"{half}.{name}": x for half, layers in halves for name, x in mlp.to_torch_weights(layers).items()}


def from_torch(weights):
    """The layers of both."""
    counts = {half: max(1, sum(name.startswith(f"{half}.") for name in weights) // 2) for half in HALVES}
    names = [f"{half}.{2 * i}.{what}" for half in HALVES for i in range(counts[half]) for what in ("weight", "bias")]
    flat = take(weights, *names)
    layers = tuple(MLPLayer(W.T, b) for W, b in zip(flat[::2], flat[1::2], strict=True))
    return layers[: counts["encoder"]], layers[counts["encoder"] :]


def torch_halves(params, activation):
    return (mlp.to_torch(layers, activation=activation) for layers in params)


def in_a_row(params, activation, *, activated):
    """A torch.nn.Sequential of `encoder` and `decoder`, with the activation between them if the code has one."""
    import torch

    net = torch.nn.Sequential()
    encoder, decoder = torch_halves(params, activation)
    net.add_module("encoder", encoder)
    if activated:
        net.add_module("activation", mlp.to_torch((params.encoder[-1], params.decoder[0]), activation=activation)[1])
    net.add_module("decoder", decoder)
    return loaded(net, to_torch_weights(params))


def to_keras_weights(params):
    return [x for layers in params for x in mlp.to_keras_weights(layers)]


def from_keras(source):
    """The layers of both: the first and the second half of all."""
    layers = mlp.layers(listed(source))
    if len(layers) % 2:
        raise ValueError(
            f"there are {2 * len(layers)} arrays of weights, expected as many of the decoder as before it"
        )
    return layers[: len(layers) // 2], layers[len(layers) // 2 :]


def keras_in_a_row(params, activation, *, activated):
    whole = mlp.to_keras((*params.encoder, *params.decoder), activation=activation)
    if activated:
        return whole
    after_code = 2 * len(params.encoder) - 1
    layers = [layer for i, layer in enumerate(whole.layers) if i != after_code]
    return sequential(len(params.encoder[0].W), layers, to_keras_weights(params))


def onnx_mlp(name, layers, activation, given):
    """Nodes and weights of an MLP on the value `given`; it gives the value `name`."""
    mlp.known(activation)
    nodes, weights = [], {}
    for i, layer in enumerate(layers):
        last = i + 1 == len(layers)
        weights |= {f"{name}_W{i}": layer.W, f"{name}_b{i}": layer.b}
        nodes.append(("Gemm", f"{given} {name}_W{i} {name}_b{i}", name if last else f"{name}_z{i}"))
        if not last:
            nodes += onnx_activation(activation, f"{name}_z{i}", given := f"{name}_a{i + 1}")
    return nodes, weights


def onnx_activation(activation, z, a):
    if activation == "swish":
        return [("Sigmoid", z, f"{a}_gate"), ("Mul", f"{z} {a}_gate", a)]
    return [({"relu": "Relu", "leaky_relu": "LeakyRelu"}.get(activation, activation.title()), z, a)]


def onnx_in_a_row(params, activation, *, activated):
    """x (N, D) to y (N, D)."""
    nodes, weights = onnx_mlp("code", params.encoder, activation, "x")
    if activated:
        nodes += onnx_activation(activation, "code", "hidden")
    more, others = onnx_mlp("y", params.decoder, activation, "hidden" if activated else "code")
    shapes = {"x": ["N", len(params.encoder[0].W)]}, {"y": ["N", len(params.decoder[-1].b)]}
    return onnx_model(nodes + more, weights | others, *shapes)
