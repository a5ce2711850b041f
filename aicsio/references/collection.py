"""Several scenes as the keys and values of one OME-Zarr, in the layout of bioformats2raw.

Rule kept here: a frozen record over the trees of the scenes; a key goes to the tree of its scene.

Source of the layout: NGFF 0.5, "bioformats2raw.layout": groups ``0``, ``1``, ... are the images,
``OME`` lists them and holds the OME-XML.
"""

from collections.abc import Iterator, Sequence

import attrs

from aicsio._metadata import ome_xml
from aicsio._ome import ngff
from aicsio.records import ImageHandle
from aicsio.references import documents
from aicsio.references.image import ShownImage
from aicsio.references.tree import DOCUMENT, Index, ServedArray, StoreTree

LAYOUT = 3
"""The version of the layout."""
_OME, _XML = f"OME/{DOCUMENT}", "OME/METADATA.ome.xml"


@attrs.frozen
class CollectionTree:
    """All keys of several scenes, and their values. Has the methods of ``StoreTree``."""

    scenes: tuple[StoreTree, ...]
    """Their trees, in the groups ``0``, ``1``, ..."""
    whole: ImageHandle | None
    """The handle whose OME-XML stands beside; ``None`` where the scenes are not all of it."""

    @property
    def image(self) -> ShownImage:
        """The first scene."""
        return self.scenes[0].image

    @property
    def arrays(self) -> tuple[ServedArray, ...]:
        """Arrays of the first scene."""
        return self.scenes[0].arrays

    def read(self, key: str) -> bytes | memoryview | None:
        """Return the value of a key; ``None`` if there is no such key.

        Raises
        ------
        CorruptFileError, SourceError
            As by ``to_numpy`` and ``ome_xml``.
        """
        if key == DOCUMENT:
            return self._root()
        if key == _OME:
            return documents.encode(self._series())
        if key == _XML and self.whole is not None:
            # Times and positions of planes would be a read a plane.
            return ome_xml(self.whole, planes=False).text.encode()
        scene, inside = self._find(key)
        return None if scene is None else scene.read(inside)

    def _root(self) -> bytes:
        members = {"OME": self._series()}
        for number, scene in enumerate(self.scenes):
            # Consolidated metadata: the root holds the documents of all groups below it.
            for path, document in scene.members().items():
                members[f"{number}/{path}".rstrip("/")] = document
        attributes = ngff.place_attributes({"bioformats2raw.layout": LAYOUT}, "0.5")
        return documents.encode(documents.group(members, attributes))

    def _series(self) -> ngff.Json:
        return documents.ome_group({"series": list(map(str, range(len(self.scenes))))})

    def find_chunk(self, key: str) -> tuple[ServedArray | None, Index | None]:
        """Return the array and the index of a chunk, or ``None`` twice."""
        scene, inside = self._find(key)
        return (None, None) if scene is None else scene.find_chunk(inside)

    def nbytes(self, key: str) -> int | None:
        """Return the length of a value without reading pixels; ``None`` if there is no such key."""
        scene, inside = self._find(key)
        if scene is not None:
            return scene.nbytes(inside)
        value = self.read(key)
        return None if value is None else len(value)

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        scene, inside = self._find(key)
        return scene.has(inside) if scene is not None else key in self._own_keys()

    def keys(self) -> Iterator[str]:
        """Yield all keys."""
        yield from self._own_keys()
        for number, scene in enumerate(self.scenes):
            for key in scene.keys():  # noqa: SIM118 - a tree is no dict
                yield f"{number}/{key}"

    def children(self, prefix: str) -> Iterator[str]:
        """Yield the names right below a prefix, each once."""
        path = prefix.strip("/")
        if not path:
            yield from (DOCUMENT, "OME", *map(str, range(len(self.scenes))))
            return
        if path == "OME":
            yield from (key.partition("/")[2] for key in self._own_keys() if "/" in key)
            return
        scene, inside = self._find(f"{path}/")
        if scene is not None:
            yield from scene.children(inside)

    def _own_keys(self) -> tuple[str, ...]:
        return (DOCUMENT, _OME) if self.whole is None else (DOCUMENT, _OME, _XML)

    def _find(self, key: str) -> tuple[StoreTree | None, str]:
        """Return the tree of a scene, and the key in it."""
        head, slash, inside = key.partition("/")
        # Only the spelling that Zarr has: "01" is a number to Python alone.
        if not slash or not (head.isascii() and head.isdigit()) or str(int(head)) != head:
            return None, ""
        if int(head) >= len(self.scenes):
            return None, ""
        return self.scenes[int(head)], inside


def are_all(handles: Sequence[ImageHandle]) -> bool:
    """Whether the scenes in focus are all of their file, in order."""
    return [each.scene_index for each in handles] == list(range(len(handles[0].scenes)))
