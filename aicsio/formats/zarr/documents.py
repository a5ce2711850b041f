"""The metadata documents of a store, of Zarr v2 and v3: groups, arrays and their attributes.

Rule kept here: a document is untrusted JSON. It is bounded in length, and whatever is wrong with it
is a ``CorruptFileError`` that names its key.

Source of the facts: Zarr core specification 3.1, "Metadata"; Zarr v2 specification,
"Metadata" (``.zarray``, ``.zgroup``, ``.zattrs``) and its consolidated form ``.zmetadata``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from aicsio._io import stores
from aicsio.errors import CorruptFileError, SourceError
from aicsio.records import Source

Json: TypeAlias = dict[str, Any]

LARGEST_DOCUMENT = 64 << 20
"""Bytes. The consolidated metadata of a plate of 1 536 wells with nine fields take some 30 MB."""
MOST_CONTAINERS = 2_000_000
"""Lists and objects of a document. Python keeps 64 to 240 bytes for each, so that 64 MiB of empty ones
took 1.5 GiB and 4 s; the largest plate has some 700 000."""
NAMES = {3: ("zarr.json",), 2: (".zarray", ".zattrs")}
"""Documents of a group or array that are read ahead, by version of Zarr."""
GROUP = ".zgroup"
"""Document of a group of version 2, which is read where it has no attributes."""
CONSOLIDATED = ".zmetadata"
"""Documents of the whole tree, of version 2."""
FIRST_LEVEL = "0/zarr.json"
"""Where most writers put the first level: an image without smaller ones takes one round trip so."""


@attrs.frozen(eq=False)
class Node:
    """A group or an array of a store. Not a record: it lives while the store is opened."""

    path: str
    """Below the store, with ``/`` between its parts; empty for the store itself."""
    version: int
    """2 or 3, of Zarr."""
    attributes: Json
    """Attributes of the user, in which NGFF keeps its metadata."""
    array: Json | None
    """Metadata of an array; ``None`` for a group."""
    text: str
    """The document with the attributes."""

    @property
    def ngff(self) -> Json:
        """Metadata of NGFF: from 0.5 on under ``ome``."""
        # NGFF 0.5 moved its metadata under a key of its own; older ones lie beside other attributes.
        inner = self.attributes.get("ome")
        return inner if isinstance(inner, dict) else self.attributes


class Documents:
    """Reads documents of one store, each once. Not a record: it lives while the store is opened."""

    def __init__(self, store: Source) -> None:
        self.store = store
        self._values: dict[str, bytes | SourceError | None] = {}
        self._consolidated: dict[str, Json] = {}
        self._consolidated_paths: set[str] = set()
        self.version: int | None = None
        """Version of Zarr of the root, which its children share."""

    def fetch(self, paths: Sequence[str]) -> None:
        """Read the documents of several nodes ahead: behind a URL they are requested at once."""
        if self.store.local and self.store.folder:
            return  # a local file costs no round trip
        missing: list[str] = []
        for path in paths:
            # A wrong path of one image costs that image: ``node`` raises for it alone.
            if path in self._consolidated_paths or not stores.is_key(path):
                continue
            keys = [stores.join(path, name) for name in self._names()]
            if not path and self.version is None:
                keys += [CONSOLIDATED, FIRST_LEVEL]
            missing += [key for key in keys if key not in self._values]
        if missing and self.version is None and len(paths) == 1:
            self._try(missing)
        elif missing:
            values = stores.read_values(self.store, missing, LARGEST_DOCUMENT)
            self._values.update(zip(missing, values, strict=True))

    def _try(self, keys: list[str]) -> None:
        """Read the names of all versions. Those of the other one may be refused: S3 answers 403 to names that it does
        not have where nobody may list them. An error is raised when its value is needed.
        """
        values = stores.try_values(self.store, keys, LARGEST_DOCUMENT)
        self._values.update(zip(keys, values, strict=True))

    def _names(self) -> tuple[str, ...]:
        if self.version is not None:
            return NAMES[self.version]
        return (*NAMES[3], *NAMES[2])

    def node(self, path: str) -> Node | None:
        """Return a group or array; ``None`` if there is none.

        Raises
        ------
        CorruptFileError
            When its documents are no JSON objects.
        """
        self.fetch([path])
        # A store may hold both kinds of documents. Version 3 comes first, as in zarr-python.
        if self.version in {None, 3}:
            node = self._node_3(path)
            if node is not None:
                return node
        return self._node_2(path) if self.version in {None, 2} else None

    def _node_3(self, path: str) -> Node | None:
        text, document = self._document(stores.join(path, "zarr.json"))
        if document is None:
            return None
        if not path:
            self._consolidate(document.get("consolidated_metadata"))
        attributes = document.get("attributes", {})
        is_array = document.get("node_type") == "array"
        array = document if is_array else None
        return Node(path, 3, attributes if isinstance(attributes, dict) else {}, array, text)

    def _node_2(self, path: str) -> Node | None:
        text, attributes = self._document(stores.join(path, ".zattrs"))
        _, array = self._document(stores.join(path, ".zarray"))
        # ``.zattrs`` alone stands for a group, too.
        if array is None and attributes is None:
            _, group = self._document(stores.join(path, GROUP))
            if group is None:
                return None
        if not path and not self.store.local:
            self._read_consolidated()
        return Node(path, 2, attributes or {}, array, text)

    def _read_consolidated(self) -> None:
        """Take the documents of the tree from the one that a server answers with a single request."""
        # A server may refuse names that it lacks; the tree then has documents of its own.
        if not isinstance(self._values.get(CONSOLIDATED), SourceError):
            _, consolidated = self._document(CONSOLIDATED)
            self._consolidate(consolidated)

    def _consolidate(self, content: Any) -> None:
        """Take documents that the root repeats. Local ones are read where they are, and up to date."""
        documents = content.get("metadata") if isinstance(content, dict) else None
        if self.store.local or not isinstance(documents, dict):
            return
        for key, document in documents.items():
            if isinstance(document, dict):
                # Zarr v3 names nodes, v2 the files of their documents.
                is_node = "node_type" in document
                full_key = f"{key}/zarr.json" if is_node else key
                self._consolidated[full_key] = document
                self._consolidated_paths.add(full_key.rpartition("/")[0])

    def _document(self, key: str) -> tuple[str, Json | None]:
        if key in self._consolidated:
            return "", self._consolidated[key]
        path, _, name = key.rpartition("/")
        if path and path in self._consolidated_paths and name in {*self._names(), GROUP}:
            return "", None  # the root lists all documents of a node, or none
        if key in self._values:
            raw = self._values[key]
        else:
            raw = self._values[key] = stores.read_value(self.store, key, LARGEST_DOCUMENT)
        if isinstance(raw, SourceError):
            raise raw
        if raw is None:
            return "", None
        # Brackets within texts count as well: a bound that needs no parsing.
        if raw.count(b"[") + raw.count(b"{") > MOST_CONTAINERS:
            raise self.corrupt(key, f"it has more than {MOST_CONTAINERS:,} lists and objects")
        try:
            text = raw.decode("utf-8-sig")
            # ``utf-8-sig``: an editor on Windows puts a mark before the text, which JSON forbids.
            content = json.loads(text)
        # RecursionError: thousands of brackets in each other.
        except (ValueError, RecursionError) as error:
            raise self.corrupt(key, f"it is no JSON document: {error}") from error
        if not isinstance(content, dict):
            raise self.corrupt(key, f"it is a JSON {type(content).__name__}, not an object")
        return text, content

    def has_root(self) -> bool:
        """Return whether the store has a document of its own, be it damaged."""
        # The first turn of requests holds all that a root has; a bare group of version 2 has no more than its mark.
        self.fetch([""])
        for keys in ((*NAMES[3], *NAMES[2]), (GROUP,)):
            self._try([key for key in keys if key not in self._values])
            values = [self._values[key] for key in keys]
            if any(isinstance(value, bytes) for value in values):
                return True
        refused = [self._values[key] for key in (*NAMES[3], *NAMES[2], GROUP)]
        for value in refused:
            if isinstance(value, SourceError):
                raise value
        return False

    def close(self) -> None:
        """Nothing is open."""

    def corrupt(self, key: str, message: str) -> CorruptFileError:
        """Make the error for a document."""
        return CorruptFileError.at(stores.join(self.store.uri, key), None, message)


def objects_of(content: Mapping[str, Any], name: str) -> list[Json]:
    """Return the objects of a list in a document; whatever is no object is left out."""
    values = content.get(name)
    if not isinstance(values, list):
        return []
    return [value for value in values if isinstance(value, dict)]


def extension_of(value: Any) -> tuple[str | None, Json]:
    """Return name and configuration of an extension point of Zarr v3 (data type, grid, keys, codec).

    "An extension is identified by its name", and may stand as that name alone (core specification,
    "Extension definition"). The name is ``None`` where there is none.
    """
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict):
        return None, {}
    name, configuration = value.get("name"), value.get("configuration")
    return (
        name if isinstance(name, str) else None,
        configuration if isinstance(configuration, dict) else {},
    )
