"""The files of a remote folder that match a glob.

Rule kept here: a glob with credentials gives URLs with the same credentials, and its errors show
none.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from aicsio._io import pool
from aicsio._io.fsspec_stores import file_system, translated_errors
from aicsio._io.retrying import RetryableError
from aicsio._io.urls import URL_KEY, public_url, split_chain
from aicsio.errors import SourceError, SourceNotFoundError
from aicsio.records import Source

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})


def find_urls(pattern: str, storage_options: Mapping[str, Any]) -> list[str]:
    """Return the URLs of the files that match a glob, in no special order; empty if there is none.

    Parameters
    ----------
    pattern
        URL with ``*``, ``?`` or ``**``, or a chain of URLs.
    storage_options
        Keyword arguments for the file system of the URL.

    Raises
    ------
    SourceError
        When the folder cannot be listed.
    MissingDependencyError
        When the package for the protocol is not installed.
    """
    options = {**storage_options, URL_KEY: pattern}
    encoded = json.dumps(options, sort_keys=True)
    source = Source(public_url(pattern), storage_options=encoded, local=False)
    scheme = pattern.partition("://")[0].lower()
    try:
        is_chain = len(split_chain(pattern)) > 1
        if not is_chain and scheme in _OBJECT_STORES and pool.start_runtime("obstore"):
            return _find_objects(source, pattern)
        return _find_files(source, pattern)
    except SourceNotFoundError:
        return []
    except RetryableError as error:
        raise SourceError(f"cannot list {source.uri!r}: {error}") from error.__cause__


def _find_objects(source: Source, pattern: str) -> list[str]:
    from fsspec.utils import glob_translate

    from aicsio._io.object_stores import list_keys

    start, _, _ = pattern.partition("://")
    bucket_and_key = pattern[len(start) + 3 :]
    bucket, _, key_pattern = bucket_and_key.partition("/")
    # Stores list by a prefix: the folders in front of the first wildcard.
    folder = re.split(r"[*?\[]", key_pattern, maxsplit=1)[0].rpartition("/")[0]
    matches = re.compile(glob_translate(key_pattern)).fullmatch
    keys = list_keys(source, folder, recursive="/" in key_pattern[len(folder) + 1 :])
    return [f"{start}://{bucket}/{key}" for key in keys if matches(key)]


def _find_files(source: Source, pattern: str) -> list[str]:
    parts = split_chain(pattern)
    index = next((index for index, part in enumerate(parts) if "://" in part), 0)
    protocol = parts[index].partition("://")[0]
    system, path = file_system(source)
    with translated_errors(source):
        names = [str(name) for name in system.glob(path)]
    urls = [name if "://" in name else f"{protocol}://{name.lstrip('/')}" for name in names]
    return ["::".join([*parts[:index], url, *parts[index + 1 :]]) for url in urls]
