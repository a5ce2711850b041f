"""The outcome of a batch: lines while it runs, or one document of all images at its end.

Rule kept here: stdout lists every image of the batch, written, failed or done before, in either form.
"""

import sys
from collections.abc import Sequence
from typing import Any

import attrs

from aicsio._checks.words import count_of
from aicsio.cli.batch.conversion import ConversionResult
from aicsio.cli.batch.journal import NAME as JOURNAL_NAME
from aicsio.cli.terminal.text import escape_controls, format_size, print_error
from aicsio.errors import AicsioError

MOST_FAILURES = 50
"""Names in the summary, one screen; each failure was printed when it happened."""


@attrs.define
class BatchResult:
    """Counts of a batch so far. Not a record: it lives for one run."""

    written: int = 0
    """Images."""
    skipped: int = 0
    """Images that an earlier run wrote."""
    pixels: int = 0
    """Bytes of pixels."""
    nbytes: int = 0
    """Bytes of the written files."""
    not_kept: int = 0
    """Images that lost metadata."""
    not_written: int = 0
    """Images with scenes that were not requested."""
    failed: list[str] = attrs.Factory(list)
    """Sources, in the order in which they failed."""
    as_json: bool = False
    """Whether the entries are printed at the end, in place of lines."""
    entries: list[dict[str, Any]] = attrs.Factory(list)
    """What ``--json`` prints, one an image."""

    def add(self, line: str, entry: dict[str, Any]) -> None:
        """Report an image: a line on stdout, or an entry of the document."""
        if self.as_json:
            self.entries.append(entry)
        else:
            print(line, flush=True)

    def add_failure(self, error: AicsioError, source: str, target: str) -> None:
        """Report an image that failed: on stderr, and in the document."""
        print_error(error, source, command="convert")
        self.failed.append(source)
        if self.as_json:
            self.entries.append(describe_failed(error, source, target))

    def end(self, total: int, last: str) -> None:
        """Print the summary, or the document."""
        if self.as_json:
            print_images(self.entries)
        else:
            print(summarize(self, total, last), flush=True)

    def end_single(self) -> None:
        """Print the document of a single image; its line stands already."""
        if self.as_json:
            print_images(self.entries)


def describe_written(outcome: ConversionResult, source: str, state: str) -> dict[str, Any]:
    """Return an image as the documents of ``--json`` have it.

    Parameters
    ----------
    outcome
        Of its conversion.
    source
        Its name.
    state
        ``"written"``, ``"done before"`` or ``"would be written"``.
    """
    return {
        "file": source,
        "output": outcome.target,
        "state": state,
        "bytes": outcome.nbytes,
        "pixel_bytes": outcome.pixels,
        "not_kept": list(outcome.not_kept),
        "not_written": outcome.not_written or None,
    }


def describe_failed(error: AicsioError, source: str, target: str) -> dict[str, Any]:
    """Return an image that failed as the documents have it."""
    # Imported here: json takes 10 ms, and lines need none.
    from aicsio.cli.terminal.documents import describe_error

    described = describe_error(error, source, "convert")
    return {"file": source, "output": target, "state": "failed", "error": described}


def print_images(entries: Sequence[dict[str, Any]]) -> None:
    """Print the document of ``aicsio convert --json``."""
    from aicsio.cli.terminal.documents import print_document

    print_document("convert", {"images": list(entries)})


def summarize(result: BatchResult, total: int, last: str) -> str:
    """Return one line about all images."""
    parts = []
    if result.written:
        sizes = f"{format_size(result.pixels)} of pixels in {format_size(result.nbytes)}"
        parts.append(f"{result.written} written ({sizes})")
    elif not result.skipped:
        parts.append("0 written")
    if result.skipped:
        parts.append(f"{result.skipped} done before")
    if result.failed:
        parts.append(f"{len(result.failed)} failed")
    return f"{count_of(total, 'image')}: {', '.join([*parts, last])}"


def print_losses_and_failures(result: BatchResult) -> None:
    """Print what a user should look at, on stderr."""
    lines = []
    if result.not_kept:
        lines.append(
            f"{count_of(result.not_kept, 'image')} with content that could not be kept: "
            f"{JOURNAL_NAME} in the output folder lists it"
        )
    if result.not_written:
        lines.append(
            f"{count_of(result.not_written, 'image')} with more scenes than were written: "
            "--scene all writes all"
        )
    lines += [f"failed: {escape_controls(name)}" for name in result.failed[:MOST_FAILURES]]
    if len(result.failed) > MOST_FAILURES:
        hidden = len(result.failed) - MOST_FAILURES
        lines.append(f"failed: {hidden} more, each with its reason above")
    for line in lines:
        print(f"aicsio: {line}", file=sys.stderr)
