import pickle
import re
from pathlib import Path

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


def test_a_corruption_without_a_place_has_no_offset() -> None:
    error = CorruptFileError.at("a.tif", None, "it is empty")
    assert str(error) == "a.tif: it is empty"
    assert error.offset is None
    assert CorruptFileError("in other words").uri is None


DOCS = Path(__file__).resolve().parent.parent / "docs" / "errors.md"


def drawn_tree(text: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Read a drawn tree: by class, its depth and the builtin bases in parentheses."""
    tree: dict[str, tuple[int, tuple[str, ...]]] = {}
    for line in text.splitlines():
        found = re.match(r"\s*((?:│  )*)(├─ |└─ )?([A-Z]\w+Error)(?: \(([\w, ]+)\))?", line)
        if found and (found[2] or found[3] == "AicsioError") and found[3] not in tree:
            depth = len(found[1]) // 3 + bool(found[2])
            bases = tuple(found[4].split(", ")) if found[4] else ()
            tree[found[3]] = depth, bases
    return tree


def true_tree() -> dict[str, tuple[int, tuple[str, ...]]]:
    """The same, of the classes themselves."""
    tree: dict[str, tuple[int, tuple[str, ...]]] = {}
    for kind in LEAVES:
        depth = sum(issubclass(base, AicsioError) for base in kind.__mro__) - 1
        bases = (base.__name__ for base in kind.__bases__ if not issubclass(base, AicsioError))
        tree[kind.__name__] = depth, tuple(name for name in bases if name != "Exception")
    return tree


@pytest.mark.parametrize("text", [errors.__doc__, DOCS.read_text("utf-8")], ids=["code", "docs"])
def test_the_drawn_trees_are_the_tree_of_the_classes(text: str) -> None:
    assert drawn_tree(text) == true_tree()


def test_each_error_has_a_section_in_the_docs() -> None:
    text = DOCS.read_text("utf-8")
    titles = set(re.findall(r"^#+ (\w+Error)$", text, re.MULTILINE))
    assert titles == {kind.__name__ for kind in LEAVES} - {"AicsioError"}
