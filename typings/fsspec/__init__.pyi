# What this project calls of fsspec, which has no types of its own.
from typing import Any

from fsspec import core as core
from fsspec.spec import AbstractFileSystem

def filesystem(protocol: str, **storage_options: Any) -> AbstractFileSystem: ...
