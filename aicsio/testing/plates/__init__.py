"""Legal plates and series in folders, of any dims: an index and TIFF files. Imports `testing`.

``spec`` has the description and its pixels, ``plane_files`` the files of planes; one module a format
writes it: ``cellvoyager``, ``harmony``, ``imagexpress``, ``incell``, ``metamorph``, ``micromanager``.

Rule kept here: what is written follows from the description alone.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from aicsio.testing.plates.cellvoyager import write_cellvoyager
from aicsio.testing.plates.harmony import write_harmony
from aicsio.testing.plates.imagexpress import write_imagexpress
from aicsio.testing.plates.incell import write_incell
from aicsio.testing.plates.metamorph import write_metamorph
from aicsio.testing.plates.micromanager import write_micromanager
from aicsio.testing.plates.spec import PlateSpec

__all__ = [
    "WRITERS",
    "PlateSpec",
    "write_cellvoyager",
    "write_harmony",
    "write_imagexpress",
    "write_incell",
    "write_metamorph",
    "write_micromanager",
    "write_plate",
]

WRITERS: Mapping[str, Callable[[PlateSpec, Path], Path]] = {
    "cellvoyager": write_cellvoyager,
    "harmony": write_harmony,
    "imagexpress": write_imagexpress,
    "incell": write_incell,
    "metamorph": write_metamorph,
    "micromanager": write_micromanager,
}
"""By the name of the format."""


def write_plate(spec: PlateSpec, format: str, folder: Path) -> Path:
    """Write a plate.

    Parameters
    ----------
    spec
        Description.
    format
        Key of ``WRITERS``.
    folder
        Where the files go; made if it is not there.

    Returns
    -------
    Path
        The index; of ``micromanager`` the folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_plate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     h = open_image(write_plate(PlateSpec(), "harmony", Path(folder)))
    >>> h.scenes[1].well.name, str(h.dims)
    ('B3', 'T=1, C=2, Z=1, Y=6, X=7')
    """
    return WRITERS[format](spec, folder)
