"""The web site: pages that need no network and are opened straight from disk.

prose.py           text as HTML: links to papers, derivations
code.py            the columns, aligned and coloured
measured.py        what the checks say, and the values that every line computes
curves.py          loss curves as SVG
builder.py         all of it put into templates/ and written, with static/ beside it
"""
