"""Options, text, progress bars and opening for all commands. Imports the public modules.

``options`` reads values of options (``pictures`` those of drawing), ``files`` lists folders and
globs, ``standard_streams`` knows ``-``, ``opening`` opens, ``text``, ``tables`` and ``progress``
print, ``reports`` those of files, ``documents`` JSON; ``messages`` has stderr. ``wording``
translates messages of the library, ``advice`` has the next thing to type.

Rule kept here: no module of a command is imported here.
"""
