"""Plug-ins for napari, xarray and bioio. Imports every room but `cli`.

``napari`` shows images as layers, ``xarray`` is an engine of ``xarray.open_dataset``, ``bioio`` a
reader of ``bioio.BioImage``; ``suffixes`` are those that other programs are given. Each is found by
an entry point of the package. The strategies of hypothesis are in ``aicsio.testing.strategies``.

Rule kept here: a plug-in translates; what is opened, read and written is the work of the rooms
below. The program that loads a plug-in brings the libraries that it imports.
"""
