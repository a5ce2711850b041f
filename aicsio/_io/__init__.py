"""Bytes from files, URLs and buffers; the pool of open files is the only state of the package.
Imports `records`.
"""
