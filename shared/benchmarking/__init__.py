"""Measuring speed and memory against the frameworks' own layers.

measure   ours and theirs in turn, in a fresh process on one thread, as ratios
growth    how the cost grows with the length of a sequence

May call: benchmarks, backends, and what lies loose.
"""
