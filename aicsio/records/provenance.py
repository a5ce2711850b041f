"""Where facts come from.

Rule kept here: an origin names a place of the file (``czi:DisplaySetting``, ``tag:XResolution``), or
``user``, ``guess`` or ``pixels`` where there is none.
"""

import attrs

from aicsio._checks.constructors import checked_record
from aicsio.errors import DimensionError
from aicsio.records.comparing import compared_by_fields
from aicsio.records.pickling import pickled_by_position


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class FactOrigin:
    """Where one field of a record comes from."""

    path: str
    """The field, counted from the scene: ``"pixel_size.X"``, ``"channels[0].name"``."""
    origin: str
    """``"<format>:<place>"``, ``"tag:<name>"``, ``"user"``, ``"guess"`` or ``"pixels"``."""


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class FactOrigins:
    """Origins of the fields of a scene, and places of the file that contradict each other."""

    facts: tuple[FactOrigin, ...]
    """One a field that has a value. A format may write ``[*]`` for all channels, and a record for
    all of its fields; of several for one path, the first counts."""
    contradictions: tuple[tuple[str, str], ...] = ()
    """Field, and the places with their values."""

    def __getitem__(self, path: str) -> str:
        """Return the origin of a field.

        Raises
        ------
        DimensionError
            When the field has no value.
        """
        for fact in self.facts:
            if fact.path == path:
                return fact.origin
        raise DimensionError(
            f"no origin of {path!r}: the field has no value; there are "
            f"{', '.join(fact.path for fact in self.facts)}"
        )
