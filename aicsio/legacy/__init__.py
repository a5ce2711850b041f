"""``AICSImage`` and the other names of AICSImageIO, as a thin face. Imports all rooms but `cli`.

``image`` has ``AICSImage``, ``parts`` its pixels, ``functions`` has ``imread`` and ``imwrite``.
``tczyx`` decides how an image becomes TCZYX, ``inputs`` what the options of AICSImageIO mean today,
``file_lists`` how files become one image, ``reading`` whether a cluster reads. ``scenes``,
``stacks``, ``dimensions``, ``metadata`` and ``writing`` are parts of these, ``renamed`` has names
that are gone.

``reader`` has ``LegacyReader``, ``readers`` its classes by format, ``focus`` what they share with
``AICSImage``, ``mosaics`` tiles, ``bioio`` facts for scripts of bioio. ``transforms``,
``ome_utils``, ``ome_identifiers`` and ``file_systems`` are functions of AICSImageIO, ``warning``
points at the user's line.

Rule kept here: no file is opened, read or written here but by the public functions.
"""
