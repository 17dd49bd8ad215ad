"""Training on real data, by a recipe and on any backend.

plan          the settings of a run, checked before any work
loop          the run itself, with checkpoints that a killed run goes on from; `console` its bar and Ctrl-C
checkpoints   reading and writing them; `records` and `results` read what runs have left
metrics       what their numbers mean, in words
saying        talking to a trained model
demo, race    several runs in one picture

May call: recipes, data, backends; and the modules directly in shared.
"""
