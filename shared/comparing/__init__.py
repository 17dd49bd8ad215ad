"""Reading the columns: their text side by side, the values and gradients that their lines compute, their equations.

specification     the docstring, taken apart: sections, equations, gradient equations
sidebyside        the three files, lines of one equation in one row
tracing           what every tagged line computes, observed while it runs
aligning, walks   the traces of several implementations, one row for each value
backward_lines    the statements of the hand-written `_backward` functions, as text

May call: cases, backends, and what lies loose. Nothing here judges: that is `checking`.
"""
