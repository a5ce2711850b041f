"""The dimension language: order strings, picks, and the algebra of views. Imports `records`.

``notation`` decides what an order or a pick means and words its errors; ``views`` composes them and
cuts them at the blocks of a file; ``samples`` shows RGB samples as channels.

Rule kept here: positions and letters only; no pixel and no file is known here.
"""
