"""Options, text, progress bars and opening for all commands. Imports the public modules.

``options`` reads values of options, ``opening`` opens, ``text`` and ``progress`` print, ``wording``
translates messages of the library.

Rule kept here: no module of a command is imported here.
"""
