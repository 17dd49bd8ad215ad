"""Reading the columns: their text side by side, the values and gradients that their lines compute, their equations.

specification     the docstring, taken apart: sections, equations, gradient equations
sidebyside        the three files, lines of one equation in one row
reading, tracing  what every tagged line computes: its text, and observed while it runs
aligning, walks   the traces of several implementations, one row for each value
backward_lines    the statements of the hand-written `_backward` functions, as text
scopes, way_back  the gradients that these bind, beside those of autograd and GradientTape; question_six, the answer
derivations       how the gradient equations come about, as Markdown

May call: cases, backends; and the modules directly in shared. Nothing here judges: that is `checking`.
"""
