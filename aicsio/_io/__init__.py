"""Bytes from files, URLs and buffers; the pool of open files is the only state of the package.
Imports `records`.

``sources`` turns a name into a ``Source``, ``readers`` lends the reader of one, ``pool`` keeps
readers open. ``local_files`` reads by ``pread`` and ``preadv``; ``remote`` joins near ranges
(``ranges``) and sends them to a client by the protocol of ``requests``: ``http``, ``object_stores``
or ``fsspec_stores``. ``stores`` reads values of a folder, an archive or a URL by key; ``urls`` hides
secrets, ``listing`` expands globs, ``missing`` advises on names that lead to no file.

Rule kept here: nobody above this room opens a file to read pixels.
"""
