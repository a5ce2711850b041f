"""Records as HTML, for notebooks. Imports `pictures`, `_metadata` and `formats`.

``draw`` chooses the function of a record's class: ``images`` draws handles, scenes and arrays,
``tables`` columns of planes, tiles and wells, ``reports`` what checks and writers return.
``drawings`` draws dims and tiles as SVG, ``previews`` a thumbnail where it costs little,
``origins`` finds where facts come from; ``markup`` escapes and nests, ``words`` prints numbers with
units, ``styles`` has the sheet.

Rule kept here: HTML without scripts, identifiers and addresses of other servers; every text of a
file is escaped; what is read is bounded before it is read; nothing raises.
"""

import warnings

from aicsio.notebook import images, reports, tables
from aicsio.notebook.markup import page

__all__ = ["draw"]

# By name: a class has one home, and some homes are heavy to import.
_SHOWN = {**images.SHOWN, **tables.SHOWN, **reports.SHOWN}


def draw(record: object) -> str | None:
    """Draw a record as HTML.

    Parameters
    ----------
    record
        A handle, scene, array, table or report.

    Returns
    -------
    str or None
        One ``<div>`` with its style; ``None`` for other objects and where the drawing fails, so that
        the notebook shows the text.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.notebook import draw
    >>> "<svg" in draw(open_image(np.zeros((3, 64, 64)), dims="ZYX"))
    True
    """
    show = _SHOWN.get(type(record).__name__)
    if show is None:
        return None
    try:
        # A warning of a read would stand between the cells of the notebook.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return page(show(record))
    except Exception:  # noqa: BLE001 - a repr that raises hides the object; its text is shown in its place
        return None
