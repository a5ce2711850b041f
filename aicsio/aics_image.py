"""The import name of ``AICSImage`` that scripts know; the class lives in ``aicsio.legacy``."""

from aicsio.legacy.image import AICSImage
from aicsio.legacy.reading import use_dask

__all__ = ["AICSImage", "use_dask"]
