"""Judging the columns: the questions of `triptych check`, the golden vectors, the classic mistakes.

answers     what a column, an oracle and finite differences say to a case
mistakes    the mutants of a case, planted one by one
report      all answers for one algorithm, with numbers
golden      reading the golden vectors; `fixtures` writes them
broken      the gradient equation that a mistake breaks
measured    MEASURED.md

May call: comparing, cases, backends; and the modules directly in shared.
"""
