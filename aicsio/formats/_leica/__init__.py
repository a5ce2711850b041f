"""Leica's XML and memory blocks, shared by `formats.lif` and `formats.xlef`. Imports `_io`, `_ome` and `records`.

``container`` finds the XML and the memory blocks of LIF and LOF files, ``description`` reads axes and
channels, ``arrays`` and ``layout`` place pixels, ``scenes`` puts an image together. ``metadata``
decides on names, colours and times; the hardware settings that it consults are read by ``settings``
and ``modes``.
``tiles`` places mosaics, ``times`` fits time stamps. ``hardware`` reads what an image was taken with
into the records of ``equipment``, which ``instrument`` turns into parts of OME; ``origins`` has the
places of facts.

Rule kept here: nothing here asks in which file an image lies.
"""
