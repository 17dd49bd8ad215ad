"""Recurrent layers on top of each other, of any cell: rnn, gru or lstm.

    h⁰ = xs                                     (1)
    x  = d_l ⊙ h^{l-1} / (1 - p)                (2)   dropout between layers, where it is asked for; else x = h^{l-1}
    h^l, s^l = cell_l(x, s^l)                   (3)   the outputs of layer l and its last state, l = 1 ... L

Shapes: params and states, L of each; xs (T, N, D), time first; D of layer l is H of layer l - 1; mask (T, N), True at
    the steps that count; drops, L - 1 of (T, N, H), True where an output is kept; outputs hs (T, N, H) of the last
    layer, and the last states of all.

Units: as in the cells.

Variant: the mask is that of every layer. Dropout stands between layers, not before the first, behind the last or
    between steps, as in PyTorch (Keras has it in every layer, on its inputs and on its states); it is drawn by the
    caller. The layers may be of different kinds and sizes; a GRU's reset gate acts after the matrix product.

Raises: ValueError if there is no layer, if there are not as many states as layers or not one set of drops less, or if
    sizes or dtypes disagree.

Reference: El Hihi & Bengio, NIPS 1995; Graves, Mohamed & Hinton 2013, arXiv:1303.5778; for the dropout Zaremba,
    Sutskever & Vinyals 2014, arXiv:1409.2329.
"""

from jaxtyping import Bool, Float
from numpy import ndarray as Array

from numpy_impl.recurrent.gru import GRUParams, gru, gru_backward, gru_zero_state
from numpy_impl.recurrent.lstm import LSTMParams, LSTMState, lstm, lstm_backward, lstm_zero_state
from numpy_impl.recurrent.rnn import RNNParams, rnn, rnn_backward, rnn_zero_state
from numpy_impl.regularization.dropout import dropout, dropout_backward
from shared.support.shapes import Rate, checked

Cell = RNNParams | GRUParams | LSTMParams
State = Float[Array, "N H"] | LSTMState


def stacked_zero_state(params: tuple[Cell, ...], n: int) -> tuple[State, ...]:
    return tuple(_cell(layer)[-1](layer, n) for layer in params)


def _cell(params):
    """Which cell these parameters are of."""
    if isinstance(params, LSTMParams):
        return lstm, lstm_backward, lstm_zero_state
    if isinstance(params, GRUParams):
        return gru, gru_backward, gru_zero_state
    return rnn, rnn_backward, rnn_zero_state


@checked(T=1)
def stacked(
    params: tuple[Cell, ...],
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
    drops: tuple[Bool[Array, "T N H"], ...] | None = None,
    *,
    p: Rate = 0.5,
) -> tuple[Float[Array, "T N H"], tuple[State, ...]]:
    _check(params, xs, states, drops)
    hs, lasts, caches, drop_caches = xs, [], [], []  # (1)
    for l, (layer, state) in enumerate(zip(params, states, strict=True)):
        if drops is not None and l > 0:
            hs, drop_cache = dropout(hs, drops[l - 1], p=p)  # (2)
            drop_caches.append(drop_cache)
        cell, *_ = _cell(layer)
        (hs, last), cache = cell(layer, hs, state, mask)  # (3)
        lasts.append(last)
        caches.append(cache)
    return (hs, tuple(lasts)), (params, caches, drop_caches)


def stacked_backward(cache, d_outputs):
    params, caches, drop_caches = cache
    d_hs, d_lasts = d_outputs
    d_params, d_states = [], []
    for l in reversed(range(len(params))):
        _, cell_backward, _ = _cell(params[l])
        d_outputs = (d_hs, d_lasts[l])
        d_layer, d_hs, d_state, _ = cell_backward(caches[l], d_outputs)  # through (3)
        if drop_caches and l > 0:
            d_hs, _ = dropout_backward(drop_caches[l - 1], d_hs)  # through (2)
        d_params.append(d_layer)
        d_states.append(d_state)
    d_xs = d_hs  # through (1)
    return tuple(reversed(d_params)), d_xs, tuple(reversed(d_states)), None, None


def _check(params, xs, states, drops):
    L, width = len(params), xs.shape[2]
    if len(states) != L:
        raise ValueError(f"stacked: states is a tuple of {len(states)}, expected {L}, one for each layer")
    if drops is not None and len(drops) != L - 1:
        raise ValueError(f"stacked: drops is a tuple of {len(drops)}, expected {L - 1}, one between two layers each")
    for l, layer in enumerate(params):
        if layer.W_x.shape[0] != width:
            came = "xs has" if l == 0 else f"params[{l - 1}] gives"
            found = f"params[{l}].W_x has shape {tuple(layer.W_x.shape)}"
            raise ValueError(f"stacked: {found}, expected {width} rows, as {came}")
        width = layer.W_h.shape[0]
        if drops is not None and l < L - 1 and tuple(drops[l].shape) != (*xs.shape[:2], width):
            found = f"drops[{l}] has shape {tuple(drops[l].shape)}"
            raise ValueError(f"stacked: {found}, expected {(*xs.shape[:2], width)}, as params[{l}] gives")
