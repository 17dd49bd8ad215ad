"""Recurrent layers on top of each other, of any cell: rnn, gru or lstm.

Idea: The outputs of one layer are the inputs of the next. So a network that is deep in time becomes deep in space as
    well, and upper layers may keep what changes slowly.

    x_1 = xs                                              (1)
    x_l = drops_{l-1} ⊙ hs_{l-1} / (1 - p)                (2)   l = 2 ... L; without dropout x_l = hs_{l-1}
    hs_l, last_l = cell_l(layer_l, x_l, state_l)          (3)   outputs and last state of layer l = 1 ... L

Gradients:
    d_layer_l, d_x_l, d_state_l = cell_l_backward(d_hs_l, d_last_l)    through (3)   d_hs_L and all d_last_l are given
    d_hs_{l-1} = drops_{l-1} ⊙ d_x_l / (1 - p)            through (2)   without dropout d_hs_{l-1} = d_x_l
    d_xs = d_x_1                                          through (1)

Shapes: params and states, L of each; xs (T, N, D), time first; D of layer l is H of layer l - 1; mask (T, N), True at
    the steps that count; drops, L - 1 of (T, N, H), True where an output is kept; outputs hs (T, N, H) of the last
    layer, and the last states of all.

Units: as in the cells.

Variant: all layers have the same mask. Dropout stands between layers, not before the first, behind the last or
    between steps; the caller draws it. The layers may be of different kinds and sizes; a GRU's reset gate acts after
    the matrix product.

Differs:
    torch.nn.RNN, GRU, LSTM: num_layers layers of one kind and size, in one module; dropout=p in the same places.
    Keras: one layer object for each; dropout and recurrent_dropout act on a layer's inputs and on its states.

Relation: recurrent/bidirectional is two layers of one cell each side by side; recurrent/readout adds a linear layer.

Raises: ValueError if there is no layer, if there are not L states or not L - 1 dropout masks, or if sizes or dtypes
    disagree.

Reference: El Hihi & Bengio, NIPS 1995; Graves, Mohamed & Hinton 2013, arXiv:1303.5778; for the dropout Zaremba,
    Sutskever & Vinyals 2014, arXiv:1409.2329.
"""

from typing import Annotated

from jaxtyping import Bool, Float
from tensorflow import Tensor as Array

from shared.support.shapes import Chain, Count, Rate, checked
from tf_impl.normalization.layer_norm_lstm import LayerNormLSTMParams, layer_norm_lstm, layer_norm_lstm_zero_state
from tf_impl.recurrent.gru import GRUParams, gru, gru_zero_state
from tf_impl.recurrent.lstm import LSTMParams, LSTMState, lstm, lstm_zero_state
from tf_impl.recurrent.rnn import RNNParams, rnn, rnn_zero_state
from tf_impl.regularization.dropout import dropout

Cell = RNNParams | GRUParams | LSTMParams | LayerNormLSTMParams
State = Float[Array, "N H"] | LSTMState


@checked
def stacked_zero_state(params: tuple[Cell, ...], n: Count) -> tuple[State, ...]:
    return tuple(_cell(layer)[-1](layer, n) for layer in params)


def _cell(params):
    """Which cell these parameters are of."""
    if isinstance(params, LSTMParams):
        return lstm, lstm_zero_state
    if isinstance(params, LayerNormLSTMParams):
        return layer_norm_lstm, layer_norm_lstm_zero_state
    if isinstance(params, GRUParams):
        return gru, gru_zero_state
    return rnn, rnn_zero_state


@checked(T=1)
def stacked(
    params: Annotated[tuple[Cell, ...], Chain("W_x", gives="W_h", axis=0, first="D")],
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
    drops: tuple[Bool[Array, "T N H"], ...] | None = None,
    *,
    p: Rate = 0.5,
) -> tuple[Float[Array, "T N H"], tuple[State, ...]]:
    _check(params, xs, states, drops)
    x, hs, lasts = xs, None, []  # (1)
    for l, (layer, state) in enumerate(zip(params, states, strict=True)):
        if l > 0:
            x = hs if drops is None else dropout(hs, drops[l - 1], p=p)  # (2)
        cell, *_ = _cell(layer)
        hs, last = cell(layer, x, state, mask)  # (3)
        lasts.append(last)
    return hs, tuple(lasts)


def _check(params, xs, states, drops):
    L = len(params)
    if len(states) != L:
        raise ValueError(f"stacked: states is a tuple of {len(states)}, expected {L}, one for each layer")
    if drops is not None and len(drops) != L - 1:
        raise ValueError(f"stacked: drops is a tuple of {len(drops)}, expected {L - 1}, one between two layers each")
    for l, drop in enumerate(drops or ()):
        wanted = (*xs.shape[:2], params[l].W_h.shape[0])
        if tuple(drop.shape) != wanted:
            found = f"drops[{l}] has shape {tuple(drop.shape)}"
            raise ValueError(f"stacked: {found}, expected {wanted}, as params[{l}] gives")
