"""Loss curves as SVG, in the colours of the page."""

import math
from itertools import pairwise

import numpy as np
from markupsafe import Markup

WIDTH, HEIGHT = 520, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 34
BINS = 160  # of long curves, means over as many stretches of steps are drawn


def svg(curves: dict[str, np.ndarray], title: str) -> Markup:
    """Curves over each other, by column: all steps along, loss up (on a logarithmic axis if it is positive)."""
    curves = {name: _shortened(values) for name, values in curves.items()}
    values = np.concatenate([y for _, y in curves.values()])
    steps = max(x[-1] for x, _ in curves.values())
    log = bool(values.min() > 0)
    scale = np.log10 if log else lambda y: y
    low, high = float(scale(values.min())), float(scale(values.max()))
    high = high if high > low else low + 1
    across = lambda step: LEFT + (WIDTH - LEFT - RIGHT) * (step - 1) / max(steps - 1, 1)
    up = lambda value: TOP + (HEIGHT - TOP - BOTTOM) * (high - scale(value)) / (high - low)
    parts = [
        Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, title)
    ]
    line = Markup('<path class="grid" d="M{} {:.1f}H{}"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    for tick in _ticks(low, high, log):
        parts.append(line.format(LEFT, up(tick), WIDTH - RIGHT))
        parts.append(text.format(LEFT - 8, up(tick) + 4, "end", f"{tick:g}"))
    for step, anchor in ((1, "start"), ((1 + steps) / 2, "middle"), (steps, "end")):
        parts.append(text.format(across(step), HEIGHT - 10, anchor, f"{step:,.0f}"))
    for name, (x, y) in curves.items():
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, y, strict=True))
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(name, points))
    return Markup("").join([*parts, Markup("</svg>")])


def _shortened(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps, counted from 1, and values; of a long curve, means over stretches."""
    steps = np.arange(1, len(values) + 1, dtype=float)
    if len(values) <= BINS:
        return steps, values
    ends = np.linspace(0, len(values), BINS + 1).astype(int)
    pieces = [slice(a, b) for a, b in pairwise(ends)]
    x, y = (np.array([array[piece].mean() for piece in pieces]) for array in (steps, values))
    x[0], x[-1] = 1, len(values)
    return x, y


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        powers = range(math.floor(low), math.ceil(high) + 1)
        inside = [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= math.log10(m * 10.0**p) <= high]
        whole = [tick for tick in inside if math.log10(tick).is_integer()]
        return inside if len(inside) <= 5 else whole if len(whole) > 1 else inside[:: len(inside) // 4]
    step = 10 ** math.floor(math.log10((high - low) / 2))
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)][:6]
