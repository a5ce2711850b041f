"""Bytes from files, URLs and buffers; the pool of open files is the only state of the package.
Imports `records`.

``sources`` turns a name into a ``Source``, ``readers`` lends the reader of one, ``pool`` keeps
readers open. ``local_files`` reads by ``pread`` and ``preadv``, around ``slow_copies``; ``remote`` joins near ranges
(``ranges``) and sends them (``transfers``) to a client by the protocol in ``retrying``, which repeats what fails:
``http``, ``object_stores`` or ``fsspec_stores``. ``http`` has its connections from
``http_connection``, its options from ``http_options``, headers from ``answer_headers``, many ranges
in one answer from ``multipart``, errors from ``refusals``; ``object_store_options`` translates those of s3fs, gcsfs and
adlfs. ``remote_file`` is a file object for libraries.

``stores`` reads values of a folder, an archive (``archives``) or a URL by key, ``store_urls`` finds
the stores whose URL does not show them, ``store_versions`` notices one that was replaced,
``folder_size`` measures folders. ``named_files`` are those
that an index names, ``look_ahead`` finds those of a server early; ``urls`` hides secrets, ``listing``
expands globs, ``missing`` advises on names that lead to no file.

Rule kept here: nobody above this room opens a file to read pixels.
"""
