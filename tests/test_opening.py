import os
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    Candidate,
    Channel,
    PixelSize,
    explain,
    formats,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio._io.readers import identify, open_count
from aicsio.errors import (
    ArgumentTypeError,
    CorruptFileError,
    DimensionError,
    MissingDependencyError,
    SceneError,
    SourceError,
    UnsupportedFormatError,
)
from aicsio.records import Contents, Scene, Source
from aicsio.testing import ImageSpec, TiffSpec, build, pixels, write


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return write(TiffSpec((ImageSpec(Z=6),), flavour="plain"), tmp_path)


class TestChoosing:
    def test_content_decides_and_the_suffix_only_orders(self, tmp_path: Path) -> None:
        (content,) = build(TiffSpec()).values()
        for name in ("a.ome.tif", "a.tif", "a.png", "a", "a.czi"):
            (tmp_path / name).write_bytes(content)
            assert open_image(tmp_path / name).format == "ome-tiff"
            taken = [candidate.format for candidate in explain(tmp_path / name) if candidate.taken]
            assert taken == ["ome-tiff"]

    def test_the_order_is_total(self) -> None:
        every = sorted(row.name for row in (*formats.TABLE, formats.FALLBACK, *formats.external()))
        for name in ("a.tif", "a.ome.tif", "a.xyz"):
            names = [row.name for row in formats.candidates(identify_named(name))]
            assert sorted(names) == every
            assert names[-1] == formats.FALLBACK.name

    def test_why_each_was_taken_or_not(self, plain: Path) -> None:
        told = explain(plain)
        assert [candidate.format for candidate in told if candidate.taken] == ["tiff"]
        by_name = {candidate.format: candidate for candidate in told}
        assert by_name["ome-tiff"] == Candidate("ome-tiff", False, "its content is not ome-tiff")
        assert by_name["imageio"].reason == "not asked: another format took the file"
        assert open_count() == 0

    def test_a_format_whose_package_is_missing_is_passed_over_aloud(
        self, plain: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = tuple(
            formats.Format(row.name, row.suffixes, "not.imported", ("no_such_package",), "tiff")
            for row in formats.TABLE
        )
        monkeypatch.setattr(formats, "TABLE", rows)
        monkeypatch.setattr(
            formats, "FALLBACK", formats.Format("imageio", (), "x", ("another_one",))
        )
        told = explain(plain)
        assert {candidate.reason for candidate in told} == {
            "needs no_such_package, which is not installed",
            "needs another_one, which is not installed",
        }
        with pytest.raises(UnsupportedFormatError, match=r"tiff \(needs no_such_package\)"):
            open_image(plain)
        with pytest.raises(MissingDependencyError, match=r"pip install 'aicsio\[tiff\]'"):
            open_image(plain, format="tiff")

    def test_what_nothing_takes_is_described(self) -> None:
        with pytest.raises(UnsupportedFormatError) as caught:
            open_image(b"\x00\x01hello, no image")
        for part in ("begins with 00 01 68 65 6c 6c 6f 2c", "ome-tiff", "imageio", "explain()"):
            assert part in str(caught.value)
        assert not any(candidate.taken for candidate in explain(b"\x00\x01hello, no image"))

    def test_an_empty_file_is_corrupt(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(b"")
        with pytest.raises(CorruptFileError, match="the file is empty"):
            open_image(tmp_path / "a.tif")

    def test_a_format_may_be_named(self, tmp_path: Path) -> None:
        path = write(TiffSpec((ImageSpec(C=2),)), tmp_path)
        assert open_image(path, format="tiff").format == "tiff"
        with pytest.raises(
            UnsupportedFormatError,
            match=r"no format is called 'jpeg'; there are .*ome-tiff.*imageio",
        ):
            open_image(path, format="jpeg")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "kwargs",
        [{"mosaic": "none"}, {"dims": 3}, {"format": 1}, {"channel_names": 3}, {"pixel_size": 1.0}],
    )
    def test_arguments_of_a_wrong_type(self, plain: Path, kwargs: dict[str, Any]) -> None:
        with pytest.raises(ArgumentTypeError, match=next(iter(kwargs))):
            open_image(plain, **kwargs)


def identify_named(name: str) -> Any:
    import attrs

    return attrs.evolve(identify(b"x"), uri=name)


class TestDims:
    def test_names_of_the_caller_come_before_those_of_the_file(self, plain: Path) -> None:
        guessed = open_image(plain)
        assert any(note.code == "guessed-axes" for note in guessed.diagnostics)
        named = open_image(plain, dims="TYX")
        assert named.dims.order == "TYX"
        assert np.array_equal(to_numpy(named), pixels(ImageSpec(Z=6)).squeeze())
        codes = [note.code for note in named.diagnostics]
        assert "guessed-axes" not in codes
        assert "named-axes" in codes

    def test_axes_of_one_position_may_be_left_out(self, tmp_path: Path) -> None:
        path = write(TiffSpec((ImageSpec(C=3),)), tmp_path)
        assert len(open_image(path).dims) > 3
        named = open_image(path, dims="ZYX")
        assert named.dims.order == "ZYX"
        assert np.array_equal(to_numpy(named), pixels(ImageSpec(C=3)).squeeze())
        assert to_numpy(transpose_to(named, "YX", Z=1)).shape == (32, 48)
        assert np.array_equal(to_numpy(select_scene(named, 0)), to_numpy(named))

    @pytest.mark.parametrize(
        ("dims", "said"),
        [("YX", "names 2 axes"), ("ABCDEFYX", "names 8 axes"), ("zyx", "'ZYX'"), ("YXY", "twice")],
    )
    def test_as_many_letters_as_axes(self, plain: Path, dims: str, said: str) -> None:
        with pytest.raises(DimensionError, match=said):
            open_image(plain, dims=dims)

    def test_scenes_of_another_rank_keep_their_own(self, tmp_path: Path) -> None:
        path = write(TiffSpec((ImageSpec(C=2), ImageSpec(C=2, Z=3))), tmp_path)
        handle = open_image(path, dims="QYX")
        assert handle.scenes[0].dims.order == "QYX"
        assert "Q" not in handle.scenes[1].dims


class TestFacts:
    def test_names_of_channels(self, tmp_path: Path) -> None:
        path = write(TiffSpec((ImageSpec(C=2, channel_names=("a", "b")),)), tmp_path)
        assert open_image(path).channel_names == ("a", "b")
        handle = open_image(path, channel_names=["x", "ÿ"])
        assert handle.channel_names == ("x", "ÿ")
        assert handle.channels == (Channel("x"), Channel("ÿ"))
        assert open_image(np.zeros((4, 5)), channel_names=["only"]).channel_names == ("only",)

    @pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], []])
    def test_one_name_a_channel(self, tmp_path: Path, names: list[str]) -> None:
        path = write(TiffSpec((ImageSpec(C=2),)), tmp_path)
        with pytest.raises(
            DimensionError, match=f"{len(names)} channel names? .* for 2 channels of 'Image:0'"
        ):
            open_image(path, channel_names=names)

    def test_a_string_is_one_name(self) -> None:
        assert open_image(np.zeros((4, 5)), channel_names="DAPI").channel_names == ("DAPI",)

    def test_pixel_size(self, tmp_path: Path) -> None:
        path = write(TiffSpec((ImageSpec(pixel_size=PixelSize(1.0, 2.0, 3.0)),)), tmp_path)
        assert open_image(path).pixel_size == PixelSize(1.0, 2.0, 3.0)
        assert open_image(path, pixel_size=PixelSize(X=0.5)).pixel_size == PixelSize(
            None, None, 0.5
        )


class TestFocus:
    def test_the_first_scene_with_pixels_is_in_focus(
        self, plain: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from aicsio.formats import tiff

        read = tiff.read_contents
        empty = Scene("empty", ())
        monkeypatch.setattr(
            tiff, "read_contents", lambda *args: Contents((empty, *read(*args).scenes, empty))
        )
        handle = open_image(plain)
        assert handle.scene_index == 1
        assert handle.scene_names[0] == "empty"

    def test_a_file_without_pixels_says_so(
        self, plain: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from aicsio.formats import tiff

        monkeypatch.setattr(tiff, "read_contents", lambda *_: Contents((Scene("empty", ()),) * 2))
        with pytest.raises(SceneError, match="holds no pixels: 2 scenes, none with data"):
            open_image(plain)

    def test_opening_leaves_nothing_open(self, plain: Path) -> None:
        handle = open_image(plain)
        assert open_count() == 0
        plain.rename(plain.with_name("elsewhere.tif"))
        assert handle.shape == (6, 32, 48)


class TestFolders:
    """A format whose row has ``folders`` is shown folders; its module reads the files in them."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "pixels").write_bytes(bytes(range(12)))
        module = types.ModuleType("format_of_folders")

        def recognises(source: Source, head: bytes) -> bool:
            return source.folder and head == b"" and os.path.exists(f"{source.uri}/pixels")

        def read_contents(source: Source, options: formats.Options) -> Contents:  # noqa: ARG001
            handle = open_image(np.fromfile(f"{source.uri}/pixels", "u1").reshape(3, 4))
            return handle.contents

        module.recognises = recognises  # type: ignore[attr-defined]
        module.read_contents = read_contents  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        row = formats.Format("tree", (), module.__name__, folders=True)
        monkeypatch.setattr(formats, "TABLE", (*formats.TABLE, row))
        return tmp_path

    def test_a_folder_goes_to_formats_that_open_folders(self, folder: Path) -> None:
        handle = open_image(folder / "tree")
        assert (handle.format, handle.source.folder) == ("tree", True)
        assert np.array_equal(np.asarray(handle), np.arange(12).reshape(3, 4))
        asked = [(c.format, c.taken) for c in explain(folder / "tree")]
        # Those of the table that open folders come first, and none of them takes it.
        assert {("ome-zarr", False), ("dicom", False)} <= set(asked)
        assert [name for name, taken in asked if taken] == ["tree"] == [asked[-1][0]]

    def test_a_folder_that_no_format_opens_is_a_source_error(self, folder: Path) -> None:
        with pytest.raises(SourceError, match="is a folder: give one of the files in it"):
            open_image(folder)

    def test_files_are_not_shown_as_folders(self, folder: Path) -> None:
        with pytest.raises(UnsupportedFormatError):
            open_image(folder / "tree" / "pixels")


def test_an_engine_that_the_format_lacks_is_an_error_that_lists_those_it_has() -> None:
    (content,) = build(TiffSpec()).values()
    with pytest.raises(
        UnsupportedFormatError, match="ome-tiff has no engine 'bioformats'; there are native"
    ):
        open_image(content, engine="bioformats")  # type: ignore[arg-type]
    assert open_image(content, engine="native").shape == open_image(content).shape


@pytest.mark.parametrize("option", [{"format": "tiff"}, {"engine": "native"}])
def test_options_of_files_are_refused_for_arrays(option: dict[str, str]) -> None:
    with pytest.raises(UnsupportedFormatError, match="is for files"):
        open_image(np.zeros((4, 5)), **option)  # type: ignore[arg-type]
