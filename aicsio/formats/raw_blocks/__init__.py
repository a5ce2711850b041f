"""Formats of one block of pixels behind a header: ICS, NRRD, Bio-Rad PIC. Imports `_io`, `_ome` and `records`.

One module a format, ``ics`` (``ics_metadata``), ``nrrd`` and ``pic``; ``layout`` reads the block of
all three, ``blocks`` compares it with its file. ``nrrd_files`` lists the files of an NRRD that has
several, ``slabs`` reads them.

Rule kept here: the block is one run of bytes, or one a file, raw or compressed as a whole; sizes are compared with
the file before they are used.
"""
