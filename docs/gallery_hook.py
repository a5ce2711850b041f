"""Draws the pictures of the gallery when the docs are built: real files where they are found, cells made here elsewhere."""

import io
import os
from pathlib import Path

from mkdocs.structure.files import File
from PIL import Image

import aicsio
from aicsio.cli.demo_steps import draw_cells

PAGE = "gallery.md"
MARK = "<!-- pictures -->"
REAL = (
    (
        "czi/CellDivision_T3_Z5_CH2_X240_Y170_comp2.czi",
        "Cell division: two channels, the largest values along Z, Zeiss CZI",
    ),
    ("czi/S=2_3x3_CH=2.czi", "Nuclei: nine tiles stitched from a well of a plate, Zeiss CZI"),
    ("czi/DAPI_GFP.czi", "Two channels of fluorescence, Zeiss CZI"),
    (
        "czi/Tumor_HE_Stain_T76.czi",
        "Tumour, stained by H&E: colour pixels of a slide scanner, Zeiss CZI",
    ),
    ("lif/xz-example.lif", "Beads in an XZ section through time, Leica LIF"),
    ("lsm/test.lsm", "Zeiss LSM"),
    ("nd2/cluster.nd2", "A small stack, Nikon ND2"),
    ("imageio/immunohistochemistry.png", "Immunohistochemistry, PNG"),
)
"""Public files by their place in the folder, and a line below each picture."""


def data_folder():
    """The folder of public files, or None."""
    named = os.environ.get("AICSIO_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def pictures():
    """Yield name, caption and handle of each picture that can be drawn here."""
    size = aicsio.PixelSize(1.0, 0.325, 0.325)
    cells = draw_cells((3, 2, 9, 256, 256))
    made = aicsio.open_image(cells, dims="TCZYX", pixel_size=size, channel_names=["DAPI", "GFP"])
    yield "cells", "Cells that are made while this page is built", made
    folder = data_folder()
    for name, caption in REAL:
        path = folder and folder / name
        if path and path.exists():
            yield Path(name).stem, f"{caption} (`{Path(name).name}`)", aicsio.open_image(path)


def on_files(files, config):
    """Add a picture for each image, and remember the lines of the page."""
    lines = []
    for index, (name, caption, handle) in enumerate(pictures()):
        picture = aicsio.thumbnail(handle, 480, legend=handle.dims.get("C", 1) > 1)
        encoded = io.BytesIO()
        Image.fromarray(picture).save(encoded, "WEBP", quality=88)
        uri = f"gallery/{index}.webp"
        files.append(File.generated(config, uri, content=encoded.getvalue()))
        lines.append(f"-   ![{caption.replace('`', '')}]({uri})\n\n    {caption}\n")
    config["extra"]["gallery"] = "\n".join(lines)
    return files


def on_page_markdown(markdown, page, config, files):
    """Put the pictures in place of the mark; let links of CONTRIBUTING.md lead to pages."""
    if page.file.src_uri == "contributing.md":
        # As a file of the repository, its links begin at the root.
        root = Path(config["config_file_path"]).parent
        return (root / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](")
    if page.file.src_uri != PAGE:
        return markdown
    return markdown.replace(
        MARK, f'<div class="grid cards" markdown>\n\n{config["extra"]["gallery"]}\n</div>'
    )
