"""Files that an index names: of a server each is looked for once, some before they are asked for."""

import attrs
import pytest

from aicsio._io.look_ahead import LookAhead
from aicsio.records import Source


@pytest.mark.parametrize("is_local", [True, False])
def test_each_file_is_looked_for_once(is_local: bool) -> None:
    asked: list[str] = []

    def find(name: str) -> Source | None:
        asked.append(name)
        return None if name == "lost" else attrs.evolve(base, uri=name)

    base = Source("https://server/folder/index", local=is_local)
    files = LookAhead(find, base, 2)
    files.expect(["a", "lost", "b", "c"])
    found = files.find("b")
    assert found is not None
    assert found.uri == "b"
    # Two beside it, of a server alone.
    assert sorted(asked) == (["b"] if is_local else ["a", "b", "lost"])
    assert files.find("lost") is None
    assert files.find("a") == attrs.evolve(base, uri="a")
    assert files.find("unexpected") is not None
    assert sorted(asked) == sorted(["a", "b", "lost", "unexpected"])
    assert files.find("c") is not None
    assert asked.count("c") == 1
