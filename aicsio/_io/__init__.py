"""Bytes from files, URLs and buffers; the pool of open files is the only state of the package.
Imports `records`.

``sources`` turns a name into a ``Source``, ``readers`` lends the reader of one, ``pool`` keeps
readers open. ``local_files`` reads by ``pread`` and ``preadv``; ``remote`` joins near ranges
(``ranges``) and sends them to a client: ``http``, ``object_stores`` or ``fsspec_stores``.

Rule kept here: nobody above this room opens a file to read pixels.
"""
