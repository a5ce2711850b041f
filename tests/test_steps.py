import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    AICSImage,
    ImageHandle,
    PixelSize,
    Step,
    map_scenes,
    open_image,
    pipe,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
)
from aicsio._dims.notation import positions_of_names
from aicsio.errors import ArgumentTypeError, DimensionError, SceneError
from aicsio.steps import verb
from aicsio.testing.layouts import make_handle, store_array


@pytest.fixture
def image() -> ImageHandle:
    scenes = [
        np.arange(24).reshape(2, 3, 4),
        np.arange(60).reshape(3, 4, 5),
        np.arange(6).reshape(1, 2, 3),
    ]
    return open_image(scenes, dims="CYX")


class TestSelectScene:
    def test_by_index_and_name(self, image: ImageHandle) -> None:
        assert image.scene_names == ("Image:0", "Image:1", "Image:2")
        for scene in (1, -2, np.int64(1), "Image:1"):
            chosen = select_scene(image, scene)
            assert chosen.scene_index == 1
            assert chosen.shape == (3, 4, 5)
            assert chosen.level == 0

    @pytest.mark.parametrize("scene", [True, np.bool_(True)])
    def test_a_bool_is_no_index(self, image: ImageHandle, scene: Any) -> None:
        """To Python a bool is an int; picks refuse it, too."""
        calls: list[Callable[[], object]] = [
            lambda: select_scene(image, scene),
            lambda: select_scene(scene=scene),
            lambda: map_scenes(image, pickle.dumps, scenes=[scene]),
            lambda: AICSImage([np.zeros((2, 3))] * 2).set_scene(scene),
        ]
        for call in calls:
            with pytest.raises(ArgumentTypeError, match=r"=.+ does not fit: give "):
                call()

    @pytest.mark.parametrize("scene", [3, -4, 10**9])
    def test_an_index_outside_is_answered_with_the_names(
        self, image: ImageHandle, scene: int
    ) -> None:
        with pytest.raises(SceneError) as caught:
            select_scene(image, scene)
        assert (
            str(caught.value)
            == f"no scene {scene}; there are 0: 'Image:0', 1: 'Image:1', 2: 'Image:2'"
        )

    def test_an_unknown_name_is_answered_with_the_names(self, image: ImageHandle) -> None:
        with pytest.raises(
            SceneError, match="'A1' is not a scene of this file; there are 0: 'Image:0'"
        ):
            select_scene(image, "A1")

    def test_a_name_of_two_scenes_is_not_guessed(self, image: ImageHandle) -> None:
        import attrs

        twins = tuple(attrs.evolve(scene, name="A") for scene in image.scenes)
        double = attrs.evolve(image, contents=attrs.evolve(image.contents, scenes=twins))
        with pytest.raises(
            SceneError, match=r"'A' is the name of scenes \[0, 1, 2\]: pick one by its index"
        ):
            select_scene(double, "A")

    def test_long_lists_are_cut(self) -> None:
        many = open_image([np.zeros((1, 1))] * 30)
        with pytest.raises(SceneError, match=r"19: 'Image:19', \.\.\. \(30 scenes\)$"):
            select_scene(many, 30)

    @pytest.mark.parametrize("scene", [1.0, None, b"Image:1", [1]])
    def test_what_is_neither_is_a_type_error(self, image: ImageHandle, scene: Any) -> None:
        with pytest.raises(ArgumentTypeError):
            select_scene(image, scene)


class TestSelectLevel:
    def test_levels_are_counted_from_full_resolution(self) -> None:
        levels = [store_array(np.full((8 >> n, 8 >> n), n), "YX") for n in range(3)]
        image = make_handle(*levels)
        for level, size in ((0, 8), (1, 4), (2, 2), (-1, 2)):
            chosen = select_level(image, level)
            assert chosen.shape == (size, size)
            assert chosen.level == level % 3
            assert np.unique(to_numpy(chosen)) == level % 3
        assert select_level(select_level(image, 2), 0) == image
        assert select_level(transpose_to(image, "X", Y=0), 1) == select_level(image, 1)
        assert select_scene(select_level(image, 2), 0) == image

    @pytest.mark.parametrize("level", [1, -2])
    def test_a_level_that_is_not_there(self, image: ImageHandle, level: int) -> None:
        with pytest.raises(SceneError, match=rf"no level {level} in scene 0: it has 1 \(0 to 0\)"):
            select_level(image, level)


class TestChannelsByName:
    """The names of the handle pick channels; the right pixels are those at the position of the name."""

    PIXELS = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)

    def image(self, *names: str) -> ImageHandle:
        return open_image(self.PIXELS[: len(names)], dims="CYX", channel_names=list(names))

    def test_one_name_drops_the_axis(self) -> None:
        picked = transpose_to(self.image("GFP", "DAPI", "Cy5"), "YX", C="DAPI")
        assert np.array_equal(np.asarray(picked), self.PIXELS[1])

    def test_a_kept_axis_has_length_1(self) -> None:
        assert transpose_to(self.image("GFP", "DAPI"), "CYX", C="DAPI").shape == (1, 2, 3)

    def test_names_and_positions_mix(self) -> None:
        picked = transpose_to(self.image("GFP", "DAPI", "Cy5", "BF"), "CYX", C=["BF", 0, "DAPI"])
        assert picked.channel_names == ("BF", "GFP", "DAPI")
        assert np.array_equal(np.asarray(picked), self.PIXELS[[3, 0, 1]])

    def test_names_are_those_that_the_handle_shows(self) -> None:
        reversed_image = transpose_to(self.image("GFP", "DAPI", "Cy5"), "CYX", C=[2, 1, 0])
        picked = transpose_to(reversed_image, "YX", C="Cy5")
        assert np.array_equal(np.asarray(picked), self.PIXELS[2])
        with pytest.raises(SceneError, match="no channel 'GFP'; there are 0: 'DAPI'"):
            transpose_to(transpose_to(reversed_image, "CYX", C=[1]), "YX", C="GFP")

    def test_default_names_pick_too(self) -> None:
        image = open_image(self.PIXELS, dims="CYX")
        picked = transpose_to(image, "YX", C=image.channel_names[3])
        assert np.array_equal(np.asarray(picked), self.PIXELS[3])

    def test_a_name_of_two_channels_raises_and_lists_them(self) -> None:
        with pytest.raises(SceneError, match=r"names the channels \[0, 2\]: .*1: 'GFP'"):
            transpose_to(self.image("DAPI", "GFP", "DAPI"), "YX", C="DAPI")

    def test_an_unknown_name_raises_and_suggests_a_near_one(self) -> None:
        with pytest.raises(SceneError, match=r"no channel 'DAPY'; .* did you mean 'DAPI'\?"):
            transpose_to(self.image("GFP", "DAPI"), "YX", C="DAPY")

    def test_other_letters_have_no_names(self) -> None:
        with pytest.raises(ArgumentTypeError, match=r"Y='DAPI' is not a pick.*along C only"):
            transpose_to(self.image("GFP", "DAPI"), "X", C=0, Y="DAPI")  # type: ignore[arg-type]

    def test_an_array_of_names_picks_as_a_list_does(self) -> None:
        image = self.image("GFP", "DAPI", "Cy5")
        names = np.array(["Cy5", "GFP"])
        for picked in (transpose_to(image, "CYX", C=names), transpose_to("CYX", C=names)(image)):
            assert picked.channel_names == ("Cy5", "GFP")

    def test_a_step_keeps_the_name(self) -> None:
        step = transpose_to("YX", C="DAPI")
        assert repr(step) == "transpose_to('YX', C='DAPI')"
        for names in (("DAPI", "GFP"), ("GFP", "DAPI")):
            shown = np.asarray(pickle.loads(pickle.dumps(step))(self.image(*names)))
            assert np.array_equal(shown, self.PIXELS[names.index("DAPI")])

    def test_the_legacy_face_takes_names(self) -> None:
        image = AICSImage(self.PIXELS[:2], dim_order="CYX", channel_names=["GFP", "DAPI"])
        assert np.array_equal(image.get_image_data("YX", C="DAPI"), self.PIXELS[1])


class TestSteps:
    STEPS: tuple[tuple[Step[Any], str], ...] = (
        (select_scene(1), "select_scene(1)"),
        (select_scene("Image:1"), "select_scene('Image:1')"),
        (select_level(level=0), "select_level(level=0)"),
        (transpose_to("YX", C=0), "transpose_to('YX', C=0)"),
        (
            transpose_to("CYX", X=slice(0, 4, 2), C=[1, 0], Y=np.array([0, 1])),
            "transpose_to('CYX', C=(1, 0), X=slice(0, 4, 2), Y=(0, 1))",
        ),
        (to_numpy(), "to_numpy()"),
        (to_numpy(workers=1), "to_numpy(workers=1)"),
        (to_dask(chunks={"Y": 1, "C": -1}), "to_dask(chunks={'C': -1, 'Y': 1})"),
        (to_xarray(lazy=True), "to_xarray(lazy=True)"),
    )

    @pytest.mark.parametrize(("step", "shown"), STEPS)
    def test_a_step_prints_as_the_call_that_made_it(self, step: Step[Any], shown: str) -> None:
        assert repr(step) == shown
        names = {
            "select_scene": select_scene,
            "select_level": select_level,
            "transpose_to": transpose_to,
        }
        verbs = {**names, "to_numpy": to_numpy, "to_dask": to_dask, "to_xarray": to_xarray}
        assert eval(shown, verbs) == step  # noqa: S307 - a repr that can be pasted back

    @pytest.mark.parametrize(("step", "shown"), STEPS)
    def test_a_step_is_a_value_that_travels(
        self, step: Step[Any], shown: str, image: ImageHandle
    ) -> None:
        again = pickle.loads(pickle.dumps(step))
        assert again == step
        assert hash(again) == hash(step)
        assert repr(again) == shown
        assert np.array_equal(np.asarray(again(image)), np.asarray(step(image)))

    def test_a_step_works_in_another_process(self, tmp_path: Path) -> None:
        path = tmp_path / "step.pickle"
        path.write_bytes(pickle.dumps(transpose_to("YX", C=slice(-1, None))))
        code = f"""
import pickle, numpy, aicsio
step = pickle.load(open({str(path)!r}, "rb"))
print(step(aicsio.open_image(numpy.zeros((2, 3, 4)), dims="CYX")).dims)
"""
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == "Y=3, X=4"

    def test_equal_arguments_make_equal_steps(self) -> None:
        assert (
            transpose_to("CYX", C=[0, 1])
            == transpose_to("CYX", C=np.array([0, 1]))
            == transpose_to("CYX", C=(0, 1))
        )
        assert transpose_to("YX", C=0, T=1) == transpose_to("YX", T=1, C=0)
        assert to_dask(chunks={"Y": 1, "X": 2}) == to_dask(chunks={"X": 2, "Y": 1})
        assert transpose_to("YX", C=0) != transpose_to("YX", C=1)
        assert to_numpy() != to_dask()  # type: ignore[comparison-overlap]
        assert len({select_scene(0), select_scene(0), select_scene(1)}) == 2

    def test_later_changes_of_an_argument_do_not_reach_the_step(self, image: ImageHandle) -> None:
        channels, chunks = [0, 1], {"Y": 1}
        picked, cut = transpose_to("CYX", C=channels), to_dask(chunks=chunks)
        channels.append(7)
        chunks["Y"] = 3
        assert picked(image).shape == (2, 3, 4)
        assert cut(image).chunks == ((2,), (1, 1, 1), (4,))

    def test_wrong_arguments_are_found_when_the_step_is_made(self) -> None:
        with pytest.raises(ArgumentTypeError, match=r"select_scene: scene missing"):
            select_scene()  # type: ignore[call-overload]
        with pytest.raises(ArgumentTypeError, match=r"to_numpy.*open_image"):
            to_numpy(np.zeros((2, 3)))  # type: ignore[call-overload]
        with pytest.raises(ArgumentTypeError, match="chunk_size"):
            to_dask(chunk_size=3)  # type: ignore[call-overload]
        with pytest.raises(ArgumentTypeError, match="set, which does not hash"):
            transpose_to("CYX", C={0, 1})  # type: ignore[arg-type]

    def test_a_step_takes_a_handle_and_nothing_else(self, image: ImageHandle) -> None:
        # In tests beartype is faster than the step's own words, "... takes a handle from open_image, not a str".
        with pytest.raises(ArgumentTypeError, match="str"):
            to_numpy()("plate.czi")  # type: ignore[arg-type]
        with pytest.raises(ArgumentTypeError, match=r"part 2, to_numpy\(\), takes a handle, which"):
            pipe(image, to_numpy(), to_numpy())  # type: ignore[misc]

    def test_errors_come_when_the_step_meets_an_image(self, image: ImageHandle) -> None:
        step = transpose_to("YX", C=9)
        with pytest.raises(DimensionError, match="C=9"):
            step(image)

    def test_records_and_paths_may_be_arguments(self) -> None:
        step = with_facts(PixelSize(1.0), Path("out.tif"))
        assert step.arguments == (PixelSize(1.0), "out.tif")
        assert pickle.loads(pickle.dumps(step.arguments)) == step.arguments


@verb
def with_facts(
    handle: ImageHandle, /, size: PixelSize, path: str | Path
) -> tuple[ImageHandle, PixelSize, str | Path]:
    return handle, size, path


class TestPipe:
    def test_it_passes_a_value_from_left_to_right(self, image: ImageHandle) -> None:
        assert pipe(image) is image
        assert pipe(3, str, len) == 1
        found = pipe(image, select_scene(1), transpose_to("YX", C=2), to_numpy(), np.sum, int)
        assert found == np.arange(60).reshape(3, 4, 5)[2].sum()

    def test_it_takes_any_number_of_functions(self) -> None:
        def add(n: int) -> int:
            return n + 1

        assert pipe(0, *[add] * 20) == 20


def test_verbs_keep_their_face() -> None:
    for each in (select_scene, select_level, transpose_to, to_numpy, to_dask, to_xarray):
        assert (each.__doc__ or "").strip()
        assert pickle.loads(pickle.dumps(each)) is each
    assert transpose_to.__name__ == "transpose_to"


def test_all_scenes_of_a_plate_are_selected_without_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """14 000 scenes by index: the names of all of them at each step would be 200 million."""
    handle = open_image([np.zeros((4, 5)), np.zeros((6, 7))])
    monkeypatch.setattr(ImageHandle, "scene_names", property(pytest.fail))
    assert select_scene(handle, 1).shape == (6, 7)
    assert select_scene(handle, -2).shape == (4, 5)


def test_time_of_a_pick_by_names_grows_with_their_number() -> None:
    """Each name is compared with few others: counted, as time depends on the machine."""
    compared = 0

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [Name(f"channel {number}") for number in range(2000)]
    wanted = [f"channel {number}" for number in reversed(range(2000))]
    assert positions_of_names(wanted, names) == tuple(reversed(range(2000)))
    assert compared < 20_000
