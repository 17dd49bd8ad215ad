"""A bidirectional GRU: forward and backward against torch.nn.GRU and Keras's Bidirectional."""

from numpy_impl.recurrent.bidirectional import BidirectionalParams
from shared.benchmarks.recurrent.gru import FULL, TINY
from shared.benchmarks.recurrent.stacked import network, weights

__all__ = ["FULL", "TINY", "benchmarks"]


def benchmarks(draw, T, N, D, H):
    cells, kind = (weights(draw, D, H), weights(draw, D, H)), lambda both: BidirectionalParams(*both)
    return [network("bidirectional", draw, T, N, D, H, cells, 2 * H, kind)]
