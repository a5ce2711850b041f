"""Generated programs: the plug-in and the runtime agree on what they refuse, the types refuse nothing else.

``AICSIO_PROGRAMS=3000`` generates more of them, and ``AICSIO_SEED=1`` others.
"""

import os
import re
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

import aicsio
from aicsio.errors import AicsioError
from checkers import mypy_output
from support import takes_long

HEAD = '"""Generated."""\n\nfrom aicsio import *\n\n\ndef programs(h: ImageHandle) -> None:\n'
# All sizes are known to the plug-in from here on.
KNOWN = 'transpose_to(h, "TCZYX", T=[0], C=[0, 1], Z=[0, 1, 2], Y=[0, 1, 2, 3], X=[0])'
COUNT = int(os.environ.get("AICSIO_PROGRAMS", "150"))
SEED = int(os.environ.get("AICSIO_SEED", "0"))
NAMES = {name: getattr(aicsio, name) for name in ("pipe", "transpose_to")}

positions = st.integers(-5, 5)
slices = st.builds("slice({}, {})".format, positions, positions)
indices = st.lists(positions, max_size=3)
wrong = st.sampled_from(["True", "0.5", "None", "[0.5]", "{0}", "b'0'"])
values = st.one_of(positions.map(str), positions.map(str), slices, indices.map(str), wrong)
names = st.one_of(*[st.sampled_from("TCZYX")] * 5, st.sampled_from(["H", "Time", "c"]))
picks = st.dictionaries(names, values, min_size=1, max_size=2)
texts = st.text("TCZYXHz", min_size=1, max_size=6)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Return one or two calls of ``transpose_to``, with a handle or in a pipe: half of them right."""
    present, calls = "TCZYX", []
    for _ in range(draw(st.integers(1, 2))):
        letters = draw(st.permutations(present))
        order = "".join(letters[: draw(st.integers(1, len(letters)))])
        chosen = {letter: "0" for letter in present if letter not in order}
        mistake = draw(st.integers(0, 7))
        if mistake == 0:
            order = draw(texts)
        elif mistake == 1 and chosen:
            del chosen[draw(st.sampled_from(sorted(chosen)))]
        elif mistake == 2:
            chosen |= draw(picks)
        calls.append(f'"{order}"' + "".join(f", {name}={value}" for name, value in chosen.items()))
        present = "".join(letter for letter in "TCZYX" if letter in order) or "X"
    if draw(st.booleans()):
        return f"pipe({KNOWN}, {', '.join(f'transpose_to({call})' for call in calls)})"
    program = KNOWN
    for call in calls:
        program = f"transpose_to({program}, {call})"
    return program


def generated() -> list[str]:
    """Return the programs of all examples of a run that is the same each time."""
    found: list[str] = []

    @seed(SEED)
    @settings(
        max_examples=COUNT,
        derandomize=not SEED,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def collect(program: str) -> None:
        found.append(program)

    collect()
    return found


def refusal(program: str, handle: aicsio.ImageHandle) -> str | None:
    """Return the message with which a program is refused when it runs."""
    try:
        eval(program, NAMES | {"h": handle})  # noqa: S307 - written above
    except AicsioError as error:
        return str(error)
    return None


def refused_lines(output: str) -> tuple[set[int], set[int]]:
    """Return the lines that the plug-in refuses, and those that the types refuse, by the codes of errors."""
    found: tuple[set[int], set[int]] = (set(), set())
    for line, code in re.findall(r"^made\.py:(\d+): error: .*\[([\w-]+)\]$", output, re.MULTILINE):
        found[code != "aicsio-dims"].add(int(line))
    return found


@takes_long
def test_plug_in_types_and_runtime_agree(tmp_path: Path) -> None:
    made = generated()
    (tmp_path / "made.py").write_text(HEAD + "".join(f"    {each}\n" for each in made), "utf-8")
    by_plugin, by_types = refused_lines(mypy_output(tmp_path, ["made.py"], plugin=True))
    handle = aicsio.open_image(np.zeros((5, 5, 5, 5, 5), np.uint8), dims="TCZYX")
    refused = {}
    for line, program in enumerate(made, HEAD.count("\n") + 1):
        message = refusal(program, handle)
        if message is not None:
            refused[line] = message
    wrong = {
        line: made[line - HEAD.count("\n") - 1] for line in refused.keys() ^ (by_plugin | by_types)
    }
    assert not wrong, {line: (program, refused.get(line)) for line, program in wrong.items()}
    if os.environ.get("AICSIO_HYPOTHESIS"):
        # Types alone refuse nothing that runs; another run of mypy, for the gates.
        _, alone = refused_lines(mypy_output(tmp_path, ["made.py"], plugin=False))
        assert alone
        assert alone <= refused.keys()
    # Neither all nor none: both sides are seen.
    assert COUNT / 5 < len(refused) < COUNT * 4 / 5
    assert by_types
    assert by_plugin
