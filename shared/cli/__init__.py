"""The command `triptych`: one file for each group of commands, `main` puts them together.

Here arguments are read and results are printed; the work is done in the other rooms, all of which may be called.
They are imported inside the commands, so that `triptych list` starts at once.
"""
