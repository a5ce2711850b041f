import pickle

import pytest

import aicsio
from aicsio import errors
from aicsio.errors import AicsioError, CorruptFileError

LEAVES = [getattr(errors, name) for name in errors.__all__]
BUILTINS = {
    "ArgumentTypeError": TypeError,
    "CorruptFileError": OSError,
    "DimensionError": ValueError,
    "MissingDependencyError": ImportError,
    "SceneError": LookupError,
    "SourceChangedError": OSError,
    "SourceError": OSError,
    "SourceNotFoundError": FileNotFoundError,
    "UnsupportedFormatError": ValueError,
    "WriteError": OSError,
}


def test_every_error_is_public() -> None:
    defined = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, AicsioError)
    }
    assert defined == set(LEAVES)
    assert {kind.__name__ for kind in defined} <= set(aicsio.__all__)


@pytest.mark.parametrize("kind", LEAVES)
def test_each_error_is_the_builtin_that_old_code_catches(kind: type[AicsioError]) -> None:
    assert issubclass(kind, AicsioError)
    assert issubclass(kind, BUILTINS.get(kind.__name__, Exception))


@pytest.mark.parametrize("kind", LEAVES)
@pytest.mark.parametrize("message", ["no scene 3; there are 0: 'a'", "", "ünï \udcff"])
def test_errors_pickle_with_their_message(kind: type[AicsioError], message: str) -> None:
    again = pickle.loads(pickle.dumps(kind(message)))
    assert type(again) is kind
    assert str(again) == message
    assert again.args == (message,)


def test_the_place_of_a_corruption_travels() -> None:
    error = CorruptFileError.at("/x/ü.tif", 4096, "expected a directory, found zeros")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "/x/ü.tif at byte 4096: expected a directory, found zeros"
    assert (again.uri, again.offset) == ("/x/ü.tif", 4096)


def test_a_corruption_without_a_place_says_none() -> None:
    error = CorruptFileError.at("a.tif", None, "it is empty")
    assert str(error) == "a.tif: it is empty"
    assert error.offset is None
    assert CorruptFileError("said otherwise").uri is None


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for kind in LEAVES:
        ours = [base for base in kind.__bases__ if issubclass(base, AicsioError)]
        parent = ours[0] if ours else None
        line = next(line for line in drawn.splitlines() if kind.__name__ in line)
        depth = line.index(kind.__name__)
        if parent is AicsioError:
            assert depth == 7
        elif kind is not AicsioError:
            assert depth == 10, line
