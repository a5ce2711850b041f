"""Requests that files of every format on a web server take: opening, and one plane.

Each file is read from a server that answers many ranges at once, as Apache and nginx do, and from one that answers
one, as S3 does. The server waits, so that requests that do not need each other's answers overlap: what is left are
round trips. Nothing here depends on the speed of the machine.
"""

from pathlib import Path

import attrs
from rich.console import Console
from rich.table import Table

import aicsio
from http_server import Site, serving
from remote_files import FILES, RemoteFile

DELAY = 0.08
"""Seconds before each answer: requests that follow one another at once overlap for certain."""


@attrs.frozen
class Counts:
    """What one reading took."""

    requests: int
    round_trips: int
    nbytes: int


@attrs.frozen
class Row:
    """What one file took."""

    name: str
    file_nbytes: int
    opening: Counts
    single_opening: Counts
    """The same at a server of single ranges."""
    plane: Counts


def measure(folder: Path) -> list[Row]:
    """Write, serve and read a file of each format."""
    return [_row(name, file, folder / str(at)) for at, (name, file) in enumerate(FILES.items())]


def _row(name: str, file: RemoteFile, folder: Path) -> Row:
    folder.mkdir()
    path = file.write(folder).relative_to(folder)
    with serving() as site:
        site.files = {
            each.relative_to(folder).as_posix(): each.read_bytes()
            for each in folder.rglob("*")
            if each.is_file()
        }
        site.delay, site.parts = DELAY, True
        handle = aicsio.open_image(site.url + path.as_posix())
        opening = _counts(site)
        file.read(handle)
        plane = _counts(site)
        site.parts = False
        aicsio.open_image(site.url + path.as_posix())
        nbytes = sum(map(len, site.files.values()))
        return Row(name, nbytes, opening, _counts(site), plane)


def _counts(site: Site) -> Counts:
    counts = Counts(len(site.asked), site.round_trips, sum(site.sent))
    site.forget()
    return counts


def show(rows: list[Row], console: Console) -> None:
    """Print the table; for a page of docs, as Markdown where the console is no terminal."""
    table = Table(title="requests / round trips / KiB")
    for heading in ("file", "KiB", "opening", "opening, single ranges", "one plane"):
        table.add_column(heading, justify="right")
    for row in rows:
        parts = [
            f"{each.requests} / {each.round_trips} / {each.nbytes >> 10}"
            for each in (row.opening, row.single_opening, row.plane)
        ]
        table.add_row(row.name, str(row.file_nbytes >> 10), *parts)
    console.print(table)
