"""The conformance suite for formats: ``check_format``. Imports the rest of `testing`, `_metadata`, `arrays`.

``cases`` holds what is checked: a format and a copy of a file. ``record_laws``, ``pixel_laws`` and
``file_laws`` hold the laws, a function each; ``damage`` the last one, on damaged copies.

Rule kept here: every law holds for every format of the table, and none asks for a format by name.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Final

import attrs

from aicsio.errors import AicsioError
from aicsio.formats import Format
from aicsio.testing.conformance import damage, file_laws, pixel_laws, record_laws
from aicsio.testing.conformance.cases import Case, NotApplicable, find_row

__all__ = ["ConformanceError", "ConformanceReport", "Law", "check_format"]

Law = Callable[[Case], None]
"""Raises ``AssertionError`` where a format breaks it, and ``NotApplicable`` where it asks nothing."""

LAWS: Final[Mapping[str, Law]] = MappingProxyType(
    {
        "recognises its own files, and never raises": file_laws.check_recognition,
        "leaves nothing open": file_laws.check_nothing_is_open,
        "returns equal contents each time": record_laws.check_repetition,
        "holds plain values alone": record_laws.check_plain_values,
        "travels by pickle": record_laws.check_pickle,
        "describes scenes that fit their arrays": record_laws.check_scenes,
        "answers the optional protocols that it has": record_laws.check_protocols,
        "has metadata as OME, one image a scene": record_laws.check_ome,
        "has one clock for its planes": record_laws.check_clock,
        "plans pieces without the file": pixel_laws.check_pieces,
        "any window is a crop of the whole": pixel_laws.check_windows,
        "many windows at once are crops of the whole": pixel_laws.check_many_windows,
        "dask reads what numpy reads": pixel_laws.check_dask,
        "four threads read what one reads": pixel_laws.check_threads,
        "reads from memory what it reads from disk": file_laws.check_bytes,
        "reads a remote file as a local one": file_laws.check_remote,
        "notices that the file was changed": file_laws.check_changed_file,
        "leaves the file as it was": file_laws.check_untouched,
        "damaged files are images or errors of aicsio": damage.check_damage,
    }
)
"""All laws by their names, quick ones first."""


class ConformanceError(AssertionError):
    """A format breaks laws; the message has one line for each."""


@attrs.frozen
class ConformanceReport:
    """The laws that a format was held to."""

    held: tuple[str, ...]
    """Laws that hold."""
    inapplicable: tuple[tuple[str, str], ...]
    """Laws that ask nothing of this file, each with the reason."""


def check_format(
    module: ModuleType | Format | str,
    path: str | Path,
    *,
    members: Sequence[str | Path] = (),
    variants: int = 100,
    seed: int = 0,
) -> ConformanceReport:
    """Hold a format to the laws of all formats, on one of its files.

    Parameters
    ----------
    module
        The module with ``recognises`` and ``read_contents``, its row, or the name of a registered
        row. A module need not be registered.
    path
        A file of the format, or a folder for a format of folders. Small ones (a few thousand
        pixels) are checked in a second or two. It is copied; the original is only read.
    members
        Further files that the format reads, below the folder of ``path``.
    variants
        Number of damaged copies that are tried. Each must give an image or an ``AicsioError``
        within 5 s of processor time and 1 GiB.
    seed
        Of the random choices: windows, blocks, damage.

    Returns
    -------
    ConformanceReport
        The laws that hold, and those that ask nothing of this file.

    Raises
    ------
    ConformanceError
        When the format breaks laws. All laws are tried first; the message lists every broken one.
    UnsupportedFormatError
        When no row has the name.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio.testing import TiffSpec, ImageSpec, write
    >>> from aicsio.testing.conformance import check_format
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(TiffSpec((ImageSpec(C=2, Z=3, Y=8, X=9),)), Path(folder))
    ...     report = check_format("ome-tiff", path, variants=5)
    >>> "dask reads what numpy reads" in report.held
    True
    """
    row = find_row(module)
    held: list[str] = []
    inapplicable: list[tuple[str, str]] = []
    broken: list[str] = []
    for name, law in LAWS.items():
        # Each law has a copy of its own: some change or delete it.
        with tempfile.TemporaryDirectory() as folder:
            case = Case.copied(row, module, Path(path), tuple(map(Path, members)), Path(folder))
            case = attrs.evolve(case, variants=variants, seed=seed)
            try:
                law(case)
            except NotApplicable as reason:
                inapplicable.append((name, str(reason)))
            except AssertionError as error:
                broken.append(f"{name}: {error}")
            except AicsioError as error:
                broken.append(f"{name}: raised {type(error).__name__}: {error}")
            except Exception as error:  # noqa: BLE001 -- whatever a format raises is its fault, and is listed
                broken.append(f"{name}: raised {type(error).__name__}, no error of aicsio: {error}")
            else:
                held.append(name)
    if broken:
        listed = "\n  ".join(broken)
        raise ConformanceError(f"{row.name} breaks {len(broken)} of {len(LAWS)} laws:\n  {listed}")
    return ConformanceReport(tuple(held), tuple(inapplicable))
