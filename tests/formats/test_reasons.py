"""Files that open in part or not at all: the reason reaches the user."""

import sys
from pathlib import Path

import attrs
import pytest

from aicsio import explain, open_image
from aicsio.errors import MissingDependencyError, SceneError
from aicsio.opening import _no_pixels
from aicsio.records import Contents, Diagnostic, Scene


def test_a_file_whose_package_is_missing_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(128) + b"DICM\x02\0\0\0UL\x04\0\0\0\0\0" + bytes(400))
    assert any(candidate.taken for candidate in explain(path))
    with pytest.raises(MissingDependencyError) as caught:
        open_image(path)
    message = str(caught.value)
    assert message.endswith(
        "a.dcm': the package pydicom reads it, which is not installed: pip install pydicom"
    )


def test_an_image_without_pixels_gives_the_reasons() -> None:
    notes = tuple(Diagnostic("lif-no-pixels", f"reason {number}") for number in range(5))
    contents = Contents((Scene("a", ()), Scene("b", ())), None, notes)
    error = _no_pixels("a.lif", contents)
    assert isinstance(error, SceneError)
    assert str(error) == (
        "a.lif holds no pixels: 2 scenes, none with data; reason 0; reason 1; reason 2; 2 more"
    )
    silent = attrs.evolve(contents, diagnostics=())
    assert str(_no_pixels("a.lif", silent)) == "a.lif holds no pixels: 2 scenes, none with data"
