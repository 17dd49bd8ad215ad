"""Taking an algorithm elsewhere: the file that `triptych port` writes, and the check of what became of it.

scaffold     the file to fill in
runner       a port in a process of its own, with a time limit
check        the first thing that is wrong with a port
explaining   the equation where it goes wrong, and why; `hints` reads the reason off the numbers
taps         the first line whose derivative is wrong, where gradients are left to autodiff
vectors      golden vectors to take away, for a port in any language
values       the numbers of such a port, judged

May call: checking, comparing, cases, backends; and the modules directly in shared.
"""
