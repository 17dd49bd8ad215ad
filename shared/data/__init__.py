"""Embedded data sets and their loaders; README.md in this folder names sources and licences."""
