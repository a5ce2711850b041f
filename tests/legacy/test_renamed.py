"""Names of AICSImageIO that are not here: the message gives the call that works."""

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest

import aicsio
from aicsio import AICSImage, PixelSize
from aicsio.legacy import renamed


@pytest.fixture
def img() -> AICSImage:
    pixels = np.zeros((2, 3, 4, 5, 6), np.uint8)
    return AICSImage(
        pixels, physical_pixel_sizes=PixelSize(1.0, 2.0, 3.0), channel_names=["a", "b", "c"]
    )


@pytest.mark.parametrize("name", renamed.MEMBERS)
def test_a_member_that_is_not_here_names_the_one_that_is(img: AICSImage, name: str) -> None:
    assert not hasattr(AICSImage, name)
    with pytest.raises(AttributeError) as caught:
        getattr(img, name)
    assert str(caught.value) == (
        f"'AICSImage' object has no attribute {name!r}: {renamed.MEMBERS[name]}"
    )
    assert caught.value.name == name


@pytest.mark.parametrize("name", renamed.FUNCTIONS)
def test_a_function_that_is_not_here_names_the_one_that_is(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(aicsio, name)
    assert str(caught.value).endswith(renamed.FUNCTIONS[name])


@pytest.mark.parametrize("text", [*renamed.MEMBERS.values(), *renamed.FUNCTIONS.values()])
def test_the_advice_is_of_things_that_are_here(img: AICSImage, text: str) -> None:
    for path in re.findall(r"\bimg((?:\.\w+)+)", text):
        value: Any = img
        for part in path[1:].split("."):
            value = getattr(value, part)
    for name in re.findall(r"\baicsio\.(\w+)|\b(AICSImage|imwrite)\(", text):
        assert hasattr(aicsio, "".join(name))


def test_other_names_get_the_words_of_python(img: AICSImage) -> None:
    with pytest.raises(AttributeError, match=r"^'AICSImage' object has no attribute 'dat'$"):
        _ = img.dat  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"^module 'aicsio' has no attribute 'open_imge'$"):
        _ = aicsio.open_imge  # type: ignore[attr-defined]
    assert not hasattr(img, "known_dims")


def test_copies_and_pickles_are_as_before(img: AICSImage) -> None:
    for again in (copy.copy(img), copy.deepcopy(img), pickle.loads(pickle.dumps(img))):
        assert again.shape == img.shape


def test_an_attribute_error_of_a_property_keeps_its_message(
    img: AICSImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise AttributeError("of the inside")

    monkeypatch.setattr(AICSImage, "shape", property(fail))
    with pytest.raises(AttributeError, match="of the inside"):
        img.shape  # noqa: B018
