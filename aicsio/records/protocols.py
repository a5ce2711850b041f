"""The seam, whole: the functions that a format and a layout must offer, and those that they may offer.

A format is a module. It must have ``recognises`` and ``read_contents`` (``FormatModule``); a layout must have
``block_shape`` and ``pieces`` (``Layout``). Everything else is optional: the package asks ``offered(thing, Protocol)``
and does without where the answer is ``None``. Nothing asks for the name of a format or the class of a layout.

Rule kept here: every member is a method or a function, so one check per class is enough.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from aicsio.records.boxes import PlansBoxes
from aicsio.records.comparing import compared_by_fields
from aicsio.records.facts import Attachment, Event, PlanePlaces, Planes
from aicsio.records.lazy import CompletesLater, Layout, LazyArray
from aicsio.records.offering import offered
from aicsio.records.pickling import pickled_by_position
from aicsio.records.pieces import Value
from aicsio.records.provenance import FactOrigins
from aicsio.records.scenes import Contents, Damage, Diagnostic, Scene
from aicsio.records.sources import Source

if TYPE_CHECKING:
    # 1.7 ms of every program, for a name that nothing resolves: protocols are never called.
    from xml.etree.ElementTree import Element

__all__ = [
    "ChecksStructure", "CompletesLater", "DescribesInstrument", "FormatModule", "GroupsBlocks", "InMemory", "Layout",
    "ListsEvents", "LocatesPlanes", "Options", "PlansBoxes", "ReadsAttachments", "ReadsLabels",
    "ReadsOme", "ReadsPlanes", "ReadsSubblockMetadata", "ReadsTags", "TracesFacts", "Unfoldable",
    "offered",
]  # fmt: skip


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Options:
    """Options of ``open_image`` that a format may need; a format ignores those it does not."""

    mosaic: str = "stitched"
    """``"stitched"`` or ``"tiles"``."""
    engine: str | None = None
    """Name of the requested engine; ``None`` for the default."""
    masks: bool = False
    """Whether pixels that a mask of the file calls not valid are left out."""


# ---------------------------------------------------------------- formats


@runtime_checkable
class FormatModule(Protocol):
    """The two functions that every format module has."""

    def recognises(self, source: Source, head: bytes, /) -> bool:
        """Whether the content is of this format.

        Parameters
        ----------
        source
            The file or folder; read more of it only if the head cannot decide.
        head
            The first ``HEAD_BYTES`` bytes; empty for a folder.

        Returns
        -------
        bool
            Whether ``read_contents`` should be called.
        """

    def read_contents(self, source: Source, options: Options, /) -> Contents:
        """Describe scenes and layouts. Reads no pixels and leaves nothing open.

        Parameters
        ----------
        source
            The file or folder.
        options
            Options of ``open_image``.

        Returns
        -------
        Contents
            Scenes, metadata text and diagnostics.
        """


@runtime_checkable
class ReadsAttachments(Protocol):
    """A format whose files hold named data beside the pixels: thumbnails, labels, time stamps."""

    def list_attachments(self, source: Source, /) -> tuple[Attachment, ...]:
        """List the attachments of a file.

        Parameters
        ----------
        source
            The file.

        Returns
        -------
        tuple of Attachment
            In file order.
        """

    def read_attachment(self, source: Source, attachment: Attachment, /) -> bytes:
        """Read the content of one attachment.

        Parameters
        ----------
        source
            The file.
        attachment
            One of ``list_attachments``.

        Returns
        -------
        bytes
            As stored.
        """


@runtime_checkable
class ListsEvents(Protocol):
    """A format whose files record events of the acquisition."""

    def list_events(self, source: Source, /) -> tuple[Event, ...]:
        """List the events of the acquisition.

        Parameters
        ----------
        source
            The file.

        Returns
        -------
        tuple of Event
            In file order; empty if the file has no list.
        """


@runtime_checkable
class ReadsPlanes(Protocol):
    """A format that keeps facts of each plane with its pixels, too many to read while opening."""

    def read_planes(self, scene: Scene, level: LazyArray, /) -> Planes | None:
        """Read times, exposures and positions of the planes of a scene.

        Parameters
        ----------
        scene, level
            The scene, and its stored array of full resolution.

        Returns
        -------
        Planes or None
            ``None`` if the file has no such facts.
        """


@runtime_checkable
class ReadsSubblockMetadata(Protocol):
    """A format that keeps a metadata text with each block of pixels."""

    def read_subblock_metadata(self, source: Source, array: LazyArray, /) -> tuple[str, ...] | None:
        """Read the metadata texts of blocks.

        Parameters
        ----------
        source
            The file.
        array
            Shows the blocks.

        Returns
        -------
        tuple of str or None
            One text a block; ``None`` if the engine of the array has none.
        """


@runtime_checkable
class DescribesInstrument(Protocol):
    """A format whose files have more about the acquisition than the records hold.

    Microscope, lenses, detectors, filters, light sources and their settings, experimenter,
    environment, description.
    """

    def describe_instrument(self, source: Source, contents: Contents, /) -> "Element | None":
        """Describe the parts of OME that the records lack.

        Parameters
        ----------
        source
            The file.
        contents
            The return value of ``read_contents`` for it, with the metadata text.

        Returns
        -------
        xml.etree.ElementTree.Element or None
            An ``OME`` element of schema 2016-06 without a namespace: ``Experimenter``,
            ``Instrument``, annotations, and one ``Image`` a scene, in order. An ``Image`` holds what
            belongs into it (``ObjectiveSettings``, ``StageLabel``, ...) and ``Pixels`` with further
            attributes and one ``Channel`` for each position of C. ``aicsio._ome.parts`` has the
            helpers. What the records hold is left out, or is ignored; what breaks the schema is
            dropped and reported. ``None`` if there is nothing to add.
        """


@runtime_checkable
class ReadsOme(Protocol):
    """A format whose files may have an OME-XML that opening does not read."""

    def read_ome(self, source: Source, contents: Contents, /) -> str | None:
        """Read the OME-XML.

        Parameters
        ----------
        source
            The file or folder.
        contents
            The return value of ``read_contents`` for it.

        Returns
        -------
        str or None
            The text; its images are the scenes, in order. ``None`` if there is none.

        Raises
        ------
        CorruptFileError
            When its images cannot be given to the scenes; the records then serve.
        """


@runtime_checkable
class ReadsTags(Protocol):
    """A format whose metadata are a table of tags."""

    def read_tags(self, source: Source, /) -> Mapping[str, Value]:
        """Read the tags of the first page.

        Parameters
        ----------
        source
            The file.

        Returns
        -------
        Mapping
            Values by the names of the tags, in file order; unknown tags by their number.
        """


@runtime_checkable
class ReadsLabels(Protocol):
    """A format whose images carry label images: segmentations of the same pixels."""

    def list_labels(self, source: Source, scene: Scene, /) -> tuple[str, ...]:
        """List the label images of a scene.

        Parameters
        ----------
        source
            The file or folder.
        scene
            The scene.

        Returns
        -------
        tuple of str
            Their names, in the order of the file.
        """

    def read_label(
        self, source: Source, scene: Scene, name: str, /
    ) -> tuple[Scene, tuple[Diagnostic, ...]]:
        """Describe one label image.

        Parameters
        ----------
        source
            The file or folder.
        scene
            The scene that it belongs to.
        name
            One of ``list_labels``.

        Returns
        -------
        scene : Scene
            The label image with its own levels.
        diagnostics : tuple of Diagnostic
            Trouble that did not stop the reading.
        """


@runtime_checkable
class TracesFacts(Protocol):
    """A format that knows which place of its files each fact of a scene comes from."""

    def trace_facts(self, source: Source, contents: Contents, scene: int, /) -> FactOrigins:
        """Find the origins of the facts of one scene.

        Parameters
        ----------
        source, contents, scene
            The file, as opened, and the index of the scene.

        Returns
        -------
        FactOrigins
            By field, or by record; contradictions between places.
        """


@runtime_checkable
class ChecksStructure(Protocol):
    """A format that knows more of the structure of its files than the pieces of its arrays show."""

    def check_structure(self, source: Source, /) -> Iterable[Damage]:
        """Find what is missing or broken, without decoding pixels.

        Parameters
        ----------
        source
            A file of the scenes; asked once for each.

        Returns
        -------
        iterable of Damage
            Beside pieces outside of the file and the diagnostics of opening.
        """


# ---------------------------------------------------------------- layouts


@runtime_checkable
class GroupsBlocks(Protocol):
    """A layout whose blocks lie together in files, such as the shards of Zarr."""

    def group_shape(self) -> tuple[int, ...]:
        """Return the shape of such a group, a multiple of the block along each stored axis."""


@runtime_checkable
class InMemory(Protocol):
    """A layout of an array that the caller already holds."""

    def held_array(self) -> Any:
        """Return the caller's numpy or dask array, with the stored axes."""


@runtime_checkable
class LocatesPlanes(Protocol):
    """A layout that knows in which file, and where, the pixels of each plane begin."""

    def locate_planes(self) -> PlanePlaces | None:
        """Return the place of the first tile, strip or pixel of each plane; ``None`` if unknown.

        In C order over the stored axes without samples and without the last two, the plane.
        """


@runtime_checkable
class Unfoldable(Protocol):
    """A layout that can split an axis of planes in two: OME's Modulo folds dimensions so."""

    def unfolded(self, axis: int, size: int, /) -> Layout:
        """Split a stored axis in two.

        Parameters
        ----------
        axis
            Number of the stored axis.
        size
            Positions of the second of the two new axes.

        Returns
        -------
        Layout
            With one more stored axis.
        """
