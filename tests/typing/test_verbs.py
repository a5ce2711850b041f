"""Errors of type checkers name the verb that is called wrong; both forms of a verb are those of its function."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import aicsio
from checkers import Lines, mypy, mypy_output, pyright
from support import takes_long

PACKAGE = Path(aicsio.__file__).parent
WRONG_CALLS = ("object(), nothing=object()", "nothing=object()", "h, nothing=object()")
"""Arguments that no verb takes."""
OF_ANY_RANK = {"map_scenes", "map_wells", "to_dask", "to_numpy", "to_xarray"}
"""Verbs whose step has a type of its own, or whose result is that of another step."""
ORDERS = "transpose_to"
"""Its sixteen overloads are shown by ``test_overloads.py`` and ``revealed.py``."""
MARK = re.compile(r"^ *@(overloaded_)?verb$|^ *def write_ome_zarr\(", re.MULTILINE)
"""What a module has that defines a verb."""
CHECKERS: dict[str, Callable[[Path, list[str]], Lines]] = {
    "mypy": lambda folder, names: mypy(folder, names, plugin=False),
    "pyright": lambda folder, names: pyright(folder, names, program="pyright"),
    "basedpyright": lambda folder, names: pyright(folder, names, program="basedpyright"),
}


def defined(path: Path) -> Iterator[ast.FunctionDef]:
    """Functions of a module, those below an ``if`` too, in the order of the text."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.If) else [node]
        yield from (each for each in inner if isinstance(each, ast.FunctionDef))


def find_verbs() -> Iterator[tuple[str, list[ast.FunctionDef]]]:
    """Module and definitions of each verb: its overloads, then the function."""
    for path in sorted(PACKAGE.rglob("*.py")):
        # A text is searched in a hundredth of the time that it takes to parse it.
        if not MARK.search(path.read_text(encoding="utf-8")):
            continue
        found: dict[str, list[ast.FunctionDef]] = {}
        for function in defined(path):
            found.setdefault(function.name, []).append(function)
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for forms in found.values():
            marks = {ast.unparse(each) for each in forms[-1].decorator_list}
            # One verb takes lists of handles too, so it has no decorator.
            if marks & {"verb", "overloaded_verb"} or forms[-1].name == "write_ome_zarr":
                yield module, forms


VERBS = {forms[-1].name: (module, forms) for module, forms in find_verbs()}


def test_the_verbs_of_the_package_are_found() -> None:
    for name in ("write_ome_tiff", "plane_table", "project", "provenance", "as_zarr_store", ORDERS):
        assert name in VERBS
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert len(re.findall(r"^@(?:overloaded_)?verb$", text, re.MULTILINE)) == len(VERBS) - 1 > 30


@takes_long
@pytest.mark.parametrize("checker", CHECKERS)
def test_errors_name_the_verb(checker: str, tmp_path: Path) -> None:
    lines = ["from aicsio import open_image", "h = open_image('a')"]
    lines += [f"from {module} import {name}" for name, (module, _) in VERBS.items()]
    start = len(lines) + 1
    calls = [(name, wrong) for name in VERBS for wrong in WRONG_CALLS]
    lines += [f"{name}({wrong})" for name, wrong in calls]
    (tmp_path / "calls.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = CHECKERS[checker](tmp_path, ["calls.py"])["calls"]
    assert sorted(found) == list(range(start, start + len(calls)))
    for number, (name, _) in enumerate(calls, start):
        text = "\n".join(found[number])
        assert f'"{name}"' in text, text
        assert "Verb" not in text, text
        assert "__call__" not in text, text


@takes_long
def test_mypy_lists_no_overloads_where_one_argument_is_wrong(tmp_path: Path) -> None:
    """It lists 71 kB of them where no overload of ``transpose_to`` nearly fits."""
    lines = ["from aicsio import AICSImage, open_image, transpose_to", "h = open_image('a')"]
    wrong_orders = ["None", "3", "b'ZYX'", "['Z', 'Y']"]
    wrong_picks = ["None", "0.5", "{0}", "object()", "None, Z=0"]
    calls = [f"transpose_to(h, {order})" for order in wrong_orders]
    calls += [f"transpose_to({order})" for order in wrong_orders[1:]]
    for start in (
        "transpose_to(h, 'ZYX'",
        "transpose_to('ZYX'",
        "AICSImage('a').get_image_data('ZYX'",
    ):
        calls += [f"{start}, C={pick})" for pick in wrong_picks]
    (tmp_path / "calls.py").write_text("\n".join(lines + calls) + "\n", encoding="utf-8")
    output = mypy_output(tmp_path, ["calls.py"], plugin=False).splitlines()
    assert {int(line.split(":")[1]) for line in output} == set(range(3, 3 + len(calls)))
    assert not [line for line in output if "overload" in line or len(line) > 600]


def parameters(form: ast.FunctionDef, *, handle: bool) -> str:
    """The parameters as text, with or without the handle, in the words of the function itself."""
    if not handle:
        form = ast.FunctionDef(**{**vars(form), "args": ast.arguments(**vars(form.args))})
        form.args.posonlyargs = []
    text = ast.unparse(form.args)
    return re.sub(r"\bR\b", "Any", text.replace("ImageHandle[Shape]", "ImageHandle"))


@pytest.mark.parametrize("name", sorted(set(VERBS) - {ORDERS, "write_ome_zarr"}))
def test_both_forms_are_those_of_the_function(name: str) -> None:
    """No checker compares overloads with a function behind a decorator."""
    with_handle, step, function = VERBS[name][1]
    assert parameters(with_handle, handle=True) == parameters(function, handle=True)
    assert parameters(step, handle=True) == parameters(function, handle=False)
    if name not in OF_ANY_RANK:
        result = ast.unparse(function.returns or ast.Constant(None)).strip("'")
        assert ast.unparse(with_handle.returns or ast.Constant(None)).strip("'") == result
        assert ast.unparse(step.returns or ast.Constant(None)).strip("'") == f"Step[{result}]"
