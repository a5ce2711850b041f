"""``AICSImage`` and the other names of AICSImageIO, as a thin face. Imports all rooms but `cli`.

``image`` has ``AICSImage``, ``parts`` its pixels, ``functions`` has ``imread`` and ``imwrite``. ``tczyx``
decides how an image becomes TCZYX, ``inputs`` what the options of AICSImageIO mean today, ``reading`` whether a
cluster reads. ``scenes``, ``stacks``, ``dimensions``, ``metadata`` and ``writing`` are parts of these,
``renamed`` has names that are gone.

Rule kept here: no file is opened, read or written here but by the public functions.
"""
