"""Where each fact of a scene comes from: a place of the file, the caller, or a guess.

Rule kept here: nothing is kept for this when a file is opened: the file is described once more, when
asked. A field whose value is not that of the file was given by the caller.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, overload

import attrs

from aicsio import formats
from aicsio._checks.constructors import checked_record
from aicsio.errors import AicsioError
from aicsio.formats import Options
from aicsio.records import Diagnostic, ImageHandle
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import drawn_in_notebooks
from aicsio.records.protocols import FormatModule, TracesFacts, offered
from aicsio.records.provenance import FactOrigin, FactOrigins
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["Provenance", "provenance"]

OF_THE_CALLER = frozenset({"name", "channels", "pixel_size", "time_step", "acquired", "objective"})
"""Fields that a caller may have set; others follow from the way in which a file is opened."""
DEFAULT_NAME = re.compile(r"Image:\d+")
"""Name of a scene that the file does not name."""


@drawn_in_notebooks
@pickled_by_position
@checked_record
@attrs.frozen
class Provenance:
    """Where the facts of the scene in focus come from."""

    facts: tuple[FactOrigin, ...]
    """One a field that has a value, in the order of the records."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """``contradiction``: places of the file that disagree; ``guess``: facts that the file lacks."""

    def __getitem__(self, path: str) -> str:
        """Return the origin of a field.

        Parameters
        ----------
        path
            Such as ``"pixel_size.X"`` or ``"channels[0].name"``.

        Returns
        -------
        str
            ``"<format>:<place>"``, ``"tag:<name>"``, ``"user"``, ``"guess"`` or ``"pixels"``.

        Raises
        ------
        DimensionError
            When the field has no value.
        """
        return FactOrigins(self.facts)[path]


if TYPE_CHECKING:

    @overload
    def provenance(handle: ImageHandle, /) -> Provenance: ...
    @overload
    def provenance() -> Step[Provenance]: ...


@overloaded_verb
def provenance(handle: ImageHandle, /) -> Provenance:
    """Return where each fact of the scene in focus comes from.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    Provenance
        An origin for each field of the scene's records that is neither ``None`` nor empty, and a
        diagnostic for each contradiction between two places of the file, and for each guess.

    Raises
    ------
    SourceError
        When the file cannot be read, or changed since it was opened.

    Notes
    -----
    The metadata are read again: opening an image keeps no origins.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import PixelSize, open_image, provenance
    >>> h = open_image(np.zeros((4, 5)), pixel_size=PixelSize(X=0.5), channel_names=["DAPI"])
    >>> origins = provenance(h)
    >>> origins["pixel_size.X"], origins["channels[0].name"], origins["name"]
    ('user', 'user', 'guess')
    """
    values = dict(list_facts(handle.scene))
    module = formats.module_of(handle.format)
    tracer = offered(module, TracesFacts)
    traced = FactOrigins(())
    notes: list[Diagnostic] = []
    if tracer is not None:
        try:
            traced = tracer.trace_facts(handle.source, handle.contents, handle.scene_index)
        except AicsioError as error:
            notes.append(Diagnostic("origins-unreadable", str(error), handle.source.uri))
    known: dict[str, str] = {}
    for fact in traced.facts:
        known.setdefault(fact.path, fact.origin)
    own = _facts_of_file(handle, module)
    facts = []
    for path, value in values.items():
        field = re.split(r"[.\[]", path, maxsplit=1)[0]
        origin = _look_up(path, known) or handle.format
        if path == "name" and DEFAULT_NAME.fullmatch(value):
            origin = "guess"
        elif path.endswith(".samples"):
            origin = "pixels"
        elif own is None or (field in OF_THE_CALLER and own.get(path) != value):
            origin = "user"
        facts.append(FactOrigin(path, origin))
    notes += [Diagnostic("contradiction", text, path) for path, text in traced.contradictions]
    guesses = [fact.path for fact in facts if fact.origin == "guess"]
    if guesses:
        message = f"the file does not give {', '.join(guesses)}"
        notes.append(Diagnostic("guess", message, handle.source.uri))
    return Provenance(tuple(facts), tuple(notes))


def list_facts(record: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of each field that has a value, down to texts, numbers and columns.

    Parameters
    ----------
    record
        A record, a tuple of records, or a value.
    path
        Its own path.
    """
    if isinstance(record, tuple) and any(map(attrs.has, map(type, record))):
        for index, one in enumerate(record):
            yield from list_facts(one, f"{path}[{index}]")
    elif attrs.has(type(record)):
        for field in attrs.fields(type(record)):
            name = field.name
            if name == "levels":
                continue  # pixels are no facts
            yield from list_facts(getattr(record, name), f"{path}.{name}" if path else name)
    elif record is not None and record != ():
        yield path, record


def _look_up(path: str, known: Mapping[str, str]) -> str | None:
    """Return the origin of a field, or else that of the record that it belongs to."""
    of_all = re.sub(r"\[\d+\]", "[*]", path)
    for one, every in zip(_parents(path), _parents(of_all), strict=True):
        if one in known or every in known:
            return known.get(one) or known[every]
    return None


def _parents(path: str) -> Iterator[str]:
    """Yield a path, and the paths of the records around it."""
    yield path
    while (cut := max(path.rfind("."), path.rfind("["))) > 0:
        path = path[:cut]
        yield path


def _facts_of_file(handle: ImageHandle, module: object) -> Mapping[str, Any] | None:
    """Describe the file again; ``None`` for an array, whose facts are all the caller's."""
    reader = offered(module, FormatModule)
    if reader is None:
        return None
    shown = dict(list_facts(handle.scene))
    mosaic = "tiles" if "M" in handle.scene.dims else "stitched"
    try:
        contents = reader.read_contents(handle.source, Options(mosaic=mosaic))
    except AicsioError:
        # Another engine or many files made the image: its facts are taken for those of the file.
        return shown
    if len(contents.scenes) != len(handle.scenes):
        return shown
    return dict(list_facts(contents.scenes[handle.scene_index]))
