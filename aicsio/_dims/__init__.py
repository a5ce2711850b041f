"""The dimension language: order strings, picks, and the algebra of views. Imports `records`.

``notation`` decides what an order or a pick means, whether it fits, and words its errors; ``views``
composes them and cuts them at the blocks of a file; ``known`` does the same before a program runs.
``picks`` and ``orders`` are the types of both, ``misfits`` types that shorten errors of mypy,
``samples`` shows RGB samples as channels.

Rule kept here: positions and letters only; no pixel and no file is known here.
"""
