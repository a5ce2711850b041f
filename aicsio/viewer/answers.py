"""What the server answers: the page, descriptions as JSON, and tiles as bytes.

Rule kept here: a request names images, scenes and positions by number; every number is checked
before it is used. Files of the page come from a fixed list.
"""

import functools
import importlib.resources
import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from aicsio.errors import AicsioError
from aicsio.pictures import colors
from aicsio.records import ImageHandle
from aicsio.viewer import images as described
from aicsio.viewer.images import Images
from aicsio.viewer.pyramid import TileReader, plane_of
from aicsio.viewer.rough import read_rough, rough_shapes

PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "viewer.js": ("viewer.js", "text/javascript; charset=utf-8"),
    "viewer.css": ("viewer.css", "text/css; charset=utf-8"),
    "LICENSES.txt": ("LICENSES.txt", "text/plain; charset=utf-8"),
}
"""Files of the page, and their types."""
READS_PIXELS = frozenset({"api/tile", "api/rough", "api/contrast", "api/values"})
"""Requests that wait for a core."""


class NotFound(AicsioError):  # noqa: N818 - the name of the status
    """A request for what is not there, or with a number out of range."""


@attrs.frozen
class Answer:
    """One answer."""

    body: bytes
    """Content."""
    content_type: str
    """Media type."""
    status: int = 200
    """Status of HTTP."""

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> "Answer":
        """Make an answer of JSON."""
        # "replace": names of files may hold lone surrogates, for which UTF-8 has no bytes.
        body = json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
        return cls(body, "application/json", status)

    @classmethod
    def of_text(cls, text: str, status: int = 200) -> "Answer":
        """Make an answer of plain text."""
        return cls(text.encode(), "text/plain; charset=utf-8", status)


@functools.cache
def page_file(name: str) -> bytes:
    """Read a file of the page, once."""
    return (importlib.resources.files("aicsio.viewer") / "page" / name).read_bytes()


class Answers:
    """Answers requests. Not a record: it remembers tiles that were costly to make."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._tiles = TileReader()
        self._by_path: dict[str, Callable[[Query, Callable[[], None]], Answer]] = {
            "api/files": self._files,
            "api/scenes": self._scenes,
            "api/scene": self._scene,
            "api/metadata": self._metadata,
            "api/contrast": self._contrast,
            "api/values": self._values,
            "api/tile": self._tile,
            "api/rough": self._rough,
            "api/alive": lambda query, stop: Answer.of_json({}),  # noqa: ARG005
        }

    def answer(self, path: str, query: Mapping[str, str], stop: Callable[[], None]) -> Answer:
        """Answer a request.

        Parameters
        ----------
        path
            Behind the token.
        query
            Names and values behind the question mark.
        stop
            Raises when nobody waits for the answer any more.

        Raises
        ------
        NotFound
            When there is no such path, or a number is missing or out of range.
        AicsioError
            When the image cannot be opened or read.
        """
        if path in PAGE:
            name, content_type = PAGE[path]
            return Answer(page_file(name), content_type)
        if path not in self._by_path:
            raise NotFound(f"there is no {path[:80]!r}")
        return self._by_path[path](Query(query, self._images), stop)

    def _files(self, query: "Query", stop: Callable[[], None]) -> Answer:  # noqa: ARG002
        return Answer.of_json(described.describe_files(self._images))

    def _scenes(self, query: "Query", stop: Callable[[], None]) -> Answer:  # noqa: ARG002
        return Answer.of_json(described.describe_scenes(self._images.handle(query.file())))

    def _scene(self, query: "Query", stop: Callable[[], None]) -> Answer:  # noqa: ARG002
        levels = self._images.levels(query.file(), query.scene())
        return Answer.of_json(described.describe_scene(query.handle(), levels))

    def _metadata(self, query: "Query", stop: Callable[[], None]) -> Answer:  # noqa: ARG002
        return Answer.of_json(described.describe_metadata(query.handle()))

    def _contrast(self, query: "Query", stop: Callable[[], None]) -> Answer:  # noqa: ARG002
        handle = query.handle()
        channel = query.number("c", handle.dims.get("C", 1))
        picks = query.picks(handle) if query.has("plane") else None
        return Answer.of_json(described.describe_contrast(handle, channel, picks))

    def _values(self, query: "Query", stop: Callable[[], None]) -> Answer:  # noqa: ARG002
        handle = query.handle()
        level = self._images.levels(query.file(), query.scene())[0]
        place = query.number("y", level.height), query.number("x", level.width)
        return Answer.of_json({"values": described.read_values(handle, place, query.picks(handle))})

    def _tile(self, query: "Query", stop: Callable[[], None]) -> Answer:
        handle = query.handle()
        levels = self._images.levels(query.file(), query.scene())
        level = levels[query.number("level", len(levels))]
        corner = (
            query.number("y", -(-level.height // level.tile)),
            query.number("x", -(-level.width // level.tile)),
        )
        picks = {**query.picks(handle), "C": query.number("c", handle.dims.get("C", 1))}
        pixels = self._tiles.read(level, corner, picks, smooth=_is_smooth(handle), stop=stop)
        body = described.encode_pixels(pixels, handle)
        return Answer(body, "application/octet-stream")

    def _rough(self, query: "Query", stop: Callable[[], None]) -> Answer:
        handle = query.handle()
        levels = self._images.levels(query.file(), query.scene())
        shapes = rough_shapes(levels)
        shape = shapes[query.number("pass", len(shapes))]
        picks = {**query.picks(handle), "C": query.number("c", handle.dims.get("C", 1))}
        plane = plane_of(levels[-1].array, picks)
        pixels = read_rough(plane, shape, stop, smooth=_is_smooth(handle))
        return Answer(described.encode_pixels(pixels, handle), "application/octet-stream")


def _is_smooth(handle: ImageHandle) -> bool:
    """Whether pixels may be averaged; the mean of two indices of a palette is a third colour."""
    return colors.palette_of(handle) is None and handle.dtype.kind != "b"


@attrs.frozen(eq=False)
class Query:
    """The numbers of a request. Not a record: it lives for one request."""

    values: Mapping[str, str]
    """As they stand in the address."""
    images: Images
    """What they refer to."""

    def has(self, name: str) -> bool:
        """Whether a name is given."""
        return name in self.values

    def number(self, name: str, count: int) -> int:
        """Return a number from 0 to ``count - 1``; 0 if it is left out.

        Raises
        ------
        NotFound
            When it is another one, or none.
        """
        text = self.values.get(name, "0")
        # int() alone would take "1_0", " 1" and digits of other scripts, at any length.
        is_plain = text.isascii() and text.isdigit() and len(text) < 10
        if not is_plain or int(text) >= count:
            raise NotFound(f"{name[:20]}={text[:20]!r} is no number below {count}")
        return int(text)

    def file(self) -> int:
        """Return the number of the image."""
        return self.number("file", len(self.images.named))

    def scene(self) -> int:
        """Return the number of the scene."""
        return self.number("scene", len(self.images.handle(self.file()).scenes))

    def handle(self) -> ImageHandle:
        """Return the handle of the scene."""
        return self.images.scene(self.file(), self.scene())

    def picks(self, handle: ImageHandle) -> dict[str, int]:
        """Return the position along each axis that has several."""
        dims = handle.dims
        return {
            letter: self.number(letter, size) for letter, size in dims.items() if letter not in "CS"
        }
