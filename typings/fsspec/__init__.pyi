# What this project calls of fsspec, which has no types of its own.
from collections.abc import Mapping
from typing import Any

from fsspec import core as core
from fsspec.spec import AbstractFileSystem

registry: Mapping[str, type[AbstractFileSystem]]

def available_protocols() -> list[str]: ...
def filesystem(protocol: str, **storage_options: Any) -> AbstractFileSystem: ...
def get_filesystem_class(protocol: str) -> type[AbstractFileSystem]: ...
