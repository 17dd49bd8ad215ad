"""LSTM with layer normalization, forward and backward. No framework has such a layer: the frameworks' own layer
normalization in a loop over the steps stands in."""

from numpy_impl.normalization.layer_norm_lstm import LayerNormLSTMParams
from numpy_impl.recurrent.lstm import LSTMState
from shared.benchmarks import gradients, keras_gradients

FULL = {"T": 28, "N": 128, "D": 28, "H": 64}
MODES = {"torch": "eager", "tf": "function"}
TINY = {"T": 3, "N": 2, "D": 4, "H": 5}
EPS = 1e-5


def benchmarks(draw, T, N, D, H):
    params = LayerNormLSTMParams(
        W_x=draw(D, 4 * H, scale=D**-0.5),
        gamma_x=draw(4 * H),
        W_h=draw(H, 4 * H, scale=H**-0.5),
        gamma_h=draw(4 * H),
        b=draw(4 * H),
        gamma_c=draw(H),
        beta_c=draw(H),
    )
    xs, state = draw(T, N, D), LSTMState(draw(N, H), draw(N, H))
    d_hs, d_state = draw(T, N, H), LSTMState(draw(N, H), draw(N, H))
    benchmark = gradients("layer_norm_lstm", (params, xs, state), (d_hs, d_state), _torch, None, MODES)
    yield benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, params, xs, state, d_hs, d_state))


def _torch(torch):
    def normalized(x, gamma, beta):
        return torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, EPS)

    def call(params, xs, state):
        inputs = normalized(xs @ params.W_x, params.gamma_x, None)
        return _loop(torch, inputs, normalized, *params[2:], *state)

    return call


def _keras(keras, mode, params, xs, state, d_hs, d_state):
    args, along = ([keras.ops.array(x) for x in some] for some in ((*params, xs, *state), (d_hs, *d_state)))

    def normalized(x, gamma, beta):
        layer = keras.ops.layer_normalization
        return layer(x, gamma, beta, axis=-1, epsilon=EPS)

    def call(W_x, gamma_x, W_h, gamma_h, b, gamma_c, beta_c, xs, h, c):
        inputs = keras.ops.unstack(normalized(xs @ W_x, gamma_x, keras.ops.zeros_like(gamma_x)))
        return _loop(keras.ops, inputs, normalized, W_h, gamma_h, b, gamma_c, beta_c, h, c)

    return keras_gradients(call, args, along, mode)


def _loop(library, inputs, normalized, W_h, gamma_h, b, gamma_c, beta_c, h, c):
    hs, width = [], h.shape[1]
    for a in inputs:
        z = a + normalized(h @ W_h, gamma_h, b)
        i, f, g, o = (z[:, k * width : (k + 1) * width] for k in range(4))
        c = library.sigmoid(f) * c + library.sigmoid(i) * library.tanh(g)
        h = library.sigmoid(o) * library.tanh(normalized(c, gamma_c, beta_c))
        hs.append(h)
    return library.stack(hs), h, c
