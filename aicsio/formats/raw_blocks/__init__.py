"""Formats of one block of pixels behind a header: ICS, NRRD, Bio-Rad PIC. Imports `_io`, `_ome` and `records`.

One module a format, ``ics``, ``nrrd`` and ``pic``; ``layout`` reads the block of all three, ``blocks``
compares it with its file.

Rule kept here: the block is one run of bytes, raw or compressed as a whole; sizes are compared with
the file before they are used.
"""
