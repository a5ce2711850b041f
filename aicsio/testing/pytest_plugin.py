"""Fixtures for tests that need image files: ``pytest_plugins = ["aicsio.testing.pytest_plugin"]``.

Rule kept here: it is asked for by name in ``conftest.py``. As an entry point pytest would import
aicsio in every run on a machine, before the import hooks of a ``conftest.py``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from aicsio.errors import MissingDependencyError
from aicsio.testing.ome_tiff import TiffSpec, write
from aicsio.testing.patterns import ImageSpec

try:
    import pytest
except ImportError as error:
    raise MissingDependencyError(
        "aicsio.testing.pytest_plugin needs pytest: pip install pytest"
    ) from error

__all__ = ["MakeFile", "aicsio_file", "make_files"]

MakeFile: TypeAlias = Callable[..., Path]
"""Takes sizes by letter and options of ``TiffSpec``; returns the path of a new file."""


_FIELDS = frozenset(ImageSpec.__annotations__)


def make_files(tmp_path: Path) -> MakeFile:
    """Return the fixture ``aicsio_file``, which makes OME-TIFF files in the folder of the test.

    A test calls it with sizes: ``aicsio_file(T=3, C=2, Y=64, X=64)``.

    Capital letters and the other fields of ``ImageSpec`` describe the image, the fields of
    ``TiffSpec`` the file: ``aicsio_file(Z=5, channel_names=("DAPI",), compression="zstd")``.
    ``aicsio.testing.pixels(ImageSpec(...))`` has the expected pixels.

    Parameters
    ----------
    tmp_path
        The folder of the test.

    Returns
    -------
    callable
        Takes sizes and options; returns the path of a new file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.pytest_plugin import make_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(make_files(Path(folder))(Z=5, Y=4, X=4)).dims.Z
    5
    """
    count = 0

    def make(**options: object) -> Path:
        nonlocal count
        count += 1
        of_image = {name: options.pop(name) for name in list(options) if name in _FIELDS}
        spec = TiffSpec((ImageSpec(**of_image),), **options)  # type: ignore[arg-type]
        return Path(write(spec, tmp_path, f"image_{count}.ome.tif"))

    return make


aicsio_file = pytest.fixture(name="aicsio_file")(make_files)
"""The fixture."""
