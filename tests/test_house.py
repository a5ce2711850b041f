"""The house: rooms, floors and sizes that a newcomer can keep in mind.

``python tests/test_house.py`` prints the table of rooms for CONTRIBUTING.md.
"""

import ast
import functools
import os
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "aicsio"
SOURCES = sorted(PACKAGE.rglob("*.py"))
FACE = {"__init__", "__main__", "aics_image", "dask_utils"}
"""Modules that export lazily, by name: to them every room is lower."""


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@attrs.frozen
class Outline:
    """What the tests below ask of a module; its tree of 2 000 nodes is walked once and not kept."""

    docstring: str
    lines: int
    """Of code."""
    classes: tuple[str, ...]
    functions: tuple[tuple[str, int], ...]
    """Names, and lines from the first statement to the last, without docstrings."""
    names: frozenset[str]
    """Functions, classes, fields and constants: no locals, and no names that it imports."""
    strings: tuple[str, ...]
    """Those that look like the name of a module of this package, or of something in one."""
    choices: int
    comprehensions: int
    imports_by_name: bool


COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
MODULE_NAME = re.compile(r"aicsio\.(\w+)[\w.]*(:\w+)?")


@functools.cache
def outline(path: Path) -> Outline:
    tree = ast.parse(read(path))
    nodes = list(ast.walk(tree))
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    return Outline(
        docstring=ast.get_docstring(tree) or "",
        lines=code_lines(path, nodes),
        classes=tuple(node.name for node in classes),
        functions=tuple((node.name, length(node)) for node in functions),
        names=frozenset(defined(tree, classes, functions)),
        strings=tuple(text for text in texts if MODULE_NAME.fullmatch(text)),
        choices=sum(isinstance(node, ast.IfExp) for node in nodes),
        comprehensions=sum(isinstance(node, COMPREHENSIONS) for node in nodes),
        imports_by_name=any(map(names_import_module, nodes)),
    )


def code_lines(path: Path, nodes: list[ast.AST]) -> int:
    """Lines that are neither blank, nor a comment, nor in a docstring."""
    described: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            described.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(read(path).splitlines(), 1)
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in described
        for number, line in lines
    )


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[min(ast.get_docstring(node) is not None, len(node.body) - 1)]
    return (node.body[-1].end_lineno or 0) - first.lineno


def defined(
    tree: ast.Module,
    classes: list[ast.ClassDef],
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef],
) -> Iterator[str]:
    yield from (node.name for node in classes)
    yield from (node.name for node in functions if isinstance(node, ast.FunctionDef))
    holders: list[ast.Module | ast.ClassDef] = [tree, *classes]
    for holder in holders:
        for statement in holder.body:
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def names_import_module(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "import_module"
    return isinstance(node, ast.Name) and node.id == "import_module"


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layers() -> list[set[str]]:
    """Rooms by floor, the highest first, as the import contract lists them."""
    configuration = tomllib.loads(read(ROOT / "pyproject.toml"))
    (contract,) = [
        contract
        for contract in configuration["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    return [{room.strip() for room in layer.split("|")} for layer in contract["layers"]]


def rooms_table() -> str:
    """The table of CONTRIBUTING.md: each room and the first paragraph of its docstring."""
    rows = ["| floor | room | contents |", "|---|---|---|"]
    floors = layers()
    for height, rooms in zip(range(len(floors), 0, -1), floors, strict=True):
        for room in sorted(rooms):
            folder = PACKAGE / room
            path = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{room}.py"
            contents = " ".join(outline(path).docstring.split("\n\n")[0].split())
            rows.append(f"| {height} | `{room}` | {contents} |")
    return "\n".join(rows)


def test_the_table_of_contributing_is_that_of_the_docstrings() -> None:
    text = read(ROOT / "CONTRIBUTING.md")
    _, _, rest = text.partition("<!-- rooms -->\n")
    table, _, _ = rest.partition("\n<!-- end -->")
    assert table.strip() == rooms_table(), (
        "python tests/test_house.py prints the table as it should be"
    )


def test_few_layers_few_modules_at_the_top() -> None:
    assert len(layers()) <= 14
    assert len(list(PACKAGE.glob("*.py"))) <= 16


def test_files_are_short() -> None:
    assert [path for path in SOURCES if read(path).count("\n") > 400] == []


def test_no_folder_has_three_modules_of_one_prefix() -> None:
    for folder in {path.parent for path in SOURCES}:
        stems = [path.stem.strip("_") for path in folder.glob("*.py") if path.stem != "__init__"]
        prefixes = Counter(stem.partition("_")[0] for stem in stems if "_" in stem)
        assert all(count < 3 for count in prefixes.values()), (folder, prefixes)


def test_a_class_name_has_one_home() -> None:
    homes = defaultdict(list)
    for path in SOURCES:
        for name in outline(path).classes:
            homes[name].append(path.relative_to(ROOT).as_posix())
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_every_package_says_what_is_in_it_and_what_it_imports() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        first = outline(path).docstring.split("\n\n")[0]
        assert path.parent == PACKAGE or "Imports" in first, path


DOORS = {"__init__", "__main__", "_version", "aics_image"}
"""Modules at the top that only export or start."""


def test_every_module_states_its_rule() -> None:
    for path in SOURCES:
        docstring = outline(path).docstring
        is_door = path.parent == PACKAGE and path.stem in DOORS
        assert docstring, path
        assert is_door or "Rule kept here: " in " ".join(docstring.split()), path


def test_functions_are_short() -> None:
    """Bodies of at most 50 lines, without their docstrings."""
    functions = ((path, name, lines) for path in SOURCES for name, lines in outline(path).functions)
    assert [(path, name) for path, name, lines in functions if lines >= 50] == []


def test_lines_and_expressions_are_plain() -> None:
    """1 % of the lines may exceed 100 characters; 100 lines of code have 3 ternaries, 4 comprehensions."""
    lines = code = long = choices = comprehensions = 0
    for path in SOURCES:
        text = [line for line in read(path).splitlines() if line.strip()]
        lines, code = lines + len(text), code + outline(path).lines
        long += sum(len(line) > 100 for line in text)
        choices += outline(path).choices
        comprehensions += outline(path).comprehensions
    assert 100 * long <= lines
    assert 100 * choices <= 3 * code
    assert 100 * comprehensions <= 4 * code


def floor_of(room: str, floors: list[set[str]]) -> int:
    """Height above the ground."""
    (height,) = [len(floors) - index for index, rooms in enumerate(floors) if room in rooms]
    return height


def named_modules() -> Iterator[tuple[Path, str]]:
    """Modules of the package that strings name: ``"aicsio.x"`` and ``"aicsio.x:name"``."""
    for path in SOURCES:
        for text in outline(path).strings:
            room = text.split(":")[0].split(".")[1]
            if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists():
                yield path, room


def test_no_string_names_a_module_of_a_higher_floor() -> None:
    """The import contract cannot see ``import_module("aicsio.x")`` or ``"aicsio.x:name"``."""
    floors = layers()
    upward = [
        (path.relative_to(ROOT).as_posix(), room)
        for path, room in named_modules()
        if room_of(path) not in FACE
        and room != room_of(path)
        and floor_of(room, floors) >= floor_of(room_of(path), floors)
    ]
    assert upward == []


def test_modules_are_imported_by_name_only_from_tables_and_steps() -> None:
    """``import_module`` takes a name from data there; anywhere else it would hide an import."""
    users = {
        path.relative_to(PACKAGE).as_posix() for path in SOURCES if outline(path).imports_by_name
    }
    assert users <= {
        "__init__.py",  # names of the public face that most scripts do not need
        "_codecs/__init__.py",  # modules that only decoding needs
        "_engine/deferred.py",  # the function that opens the file of a piece
        "_engine/placing.py",  # the function of a Computed piece
        "cli/__init__.py",  # the module of the command
        "formats/__init__.py",  # the module of a format
        "steps/piping.py",  # the verb of a step
        "steps/step.py",
    }


def words_of_speech() -> Counter[str]:
    found: Counter[str] = Counter()
    for path in SOURCES:
        for word in re.findall(r"[a-z]+", read(path).lower()):
            if word in {"say", "says", "said", "saying", "tell", "tells", "told", "telling"}:
                found[path.relative_to(ROOT).as_posix()] += 1
    return found


def test_files_do_not_speak() -> None:
    """A file has metadata, a function returns or reports: nothing says, tells or is told."""
    assert sum(words_of_speech().values()) < 40, words_of_speech().most_common(20)


QUESTIONS = {
    "Where is the name of a channel of a LIF decided?": (
        "formats/_leica -> metadata", "The name of a channel is decided in"
    ),
    "Where would a format for EM files go?": ("formats", "One folder or module a format"),
    "What opens an image and asks the formats?": ("opening", "From any name of an image to a handle"),
    "What runs a read?": ("_engine -> run", "Every format reads through here"),
    "Where are the calls of preadv made?": ("_io -> local_files", "preadv"),
    "Where is the codec chain of a chunk of Zarr parsed?": (
        "formats/zarr -> chains", "From the codecs that an array names to the chain"
    ),
    "Where are dask arrays computed for an OME-TIFF?": (
        "writers/_pixels -> dask_chunks", "dask arrays whose chunks the workers"
    ),
    "Where do the workers of a cluster store an OME-Zarr?": (
        "writers/_zarr -> cluster", "on the workers of a cluster"
    ),
    "Which file decides that a print resolution is no pixel size?": (
        "formats/_tiff -> physical_size", "for printing is no pixel size"
    ),
    "Where do the errors about orders come from?": (
        "_dims -> notation", "every error of an order or a pick is raised here"
    ),
}  # fmt: skip
"""Questions of a new reader: the room and the module, and words of its docstring that answer."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_new_reader_finds_the_file_by_docstrings(question: str) -> None:
    steps, answer = QUESTIONS[question]
    room, _, module = steps.partition(" -> ")
    path = PACKAGE / f"{room}.py"
    if (PACKAGE / room).is_dir():
        path = PACKAGE / room / "__init__.py"
    docstring = outline(path).docstring
    if module:
        assert f"``{module}``" in docstring, f"the room {room} does not name {module}"
        path = PACKAGE / room / f"{module}.py"
        docstring = outline(path).docstring
    assert answer in " ".join(docstring.split())


def names_of(room: Path) -> set[str]:
    """Modules and folders of a room."""
    modules = {path.stem for path in room.glob("*.py")} - {"__init__"}
    return modules | {path.name for path in room.iterdir() if path.is_dir()} - {"__pycache__"}


ROOMS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
MODULES = {name for room in ROOMS for name in names_of(room)}


@functools.cache
def defined_in(room: Path) -> set[str]:
    """Functions, classes, fields and constants of all its modules."""
    return {name for path in SOURCES if path.is_relative_to(room) for name in outline(path).names}


def leads_somewhere(name: str, room: Path) -> bool:
    """Whether a path, or a dotted name, is that of a module, seen from a room or one above it."""
    target = re.sub(r"^aicsio[./]|\.py$", "", name).replace(".", "/")
    above = [folder for folder in (room, *room.parents) if folder.is_relative_to(PACKAGE)]
    return any((base / target).is_dir() or (base / f"{target}.py").is_file() for base in above)


FOREIGN = {"except", "li", "oiffile", "pread", "preadv", "pixel", "pt", "px", "ua"}
"""Bare names in docstrings of rooms that are none of this package: Python's, libraries', units."""


def astray(docstring: str, room: Path) -> list[str]:
    """Names in backticks that are no module where they seem to be one.

    A bare name is a module of the room itself, or something that code defines: in the room if a
    module elsewhere has the same name. A room is named from any room below the one that holds it.
    """
    wrong = []
    for marks, name in re.findall(r"(``?)([a-z_][\w./]*)\1", docstring):
        first = re.split(r"[./]", name)[0]
        if marks == "`" or first == "aicsio" or first[0] == "_" or first in names_of(PACKAGE):
            found = name in names_of(room) | {"aicsio"} or leads_somewhere(name, room)
        elif name in MODULES:
            found = name in names_of(room) | defined_in(room)
        else:
            # A dotted name that begins with no room is another library's.
            found = not name.isidentifier() or name in defined_in(PACKAGE) | FOREIGN
        if not found:
            wrong.append(name)
    return wrong


def docstring_of(room: Path) -> str:
    return outline(room / "__init__.py").docstring


def test_modules_that_a_room_names_are_where_it_has_them() -> None:
    for room in ROOMS:
        assert astray(docstring_of(room), room) == [], room


@pytest.mark.parametrize(
    ("docstring", "wrong"),
    [
        ("``from_records`` describes the image", ["from_records"]),  # a module of another room
        ("``metaxpress``", ["metaxpress"]),  # of no room
        ("Imports `_oem`, ``_ome.bilder``", ["_oem", "_ome.bilder"]),
        ("Imports `_ome`: ``overrides``, ``_ome.builder``, ``aicsio/_io``, ``np.ndarray``", []),
    ],
)
def test_names_that_lead_astray_are_found(docstring: str, wrong: list[str]) -> None:
    assert astray(docstring, PACKAGE / "writers" / "_metadata") == wrong


LISTED = {PACKAGE, PACKAGE / "metadata", PACKAGE / "readers"}
"""Rooms that do not name their modules: CONTRIBUTING.md has the table of rooms, the others hold
import names of AICSImageIO alone."""


def unnamed(docstring: str, room: Path) -> set[str]:
    """Modules of a room that neither its docstring names nor a row of its tables."""
    code = ast.parse(read(room / "__init__.py")).body[1:]
    rows = {
        word
        for statement in code
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in re.findall(r"\w+", node.value)
    }
    return names_of(room) - rows - set(re.findall(r"``(\w+)``", docstring))


def test_each_module_is_named_by_its_room() -> None:
    for room in sorted(set(ROOMS) - LISTED):
        assert unnamed(docstring_of(room), room) == set(), room


def test_a_module_that_a_room_does_not_name_is_found() -> None:
    room = PACKAGE / "formats" / "folders"
    shorter = docstring_of(room).replace("``listing``", "a module")
    assert unnamed(shorter, room) == {"listing"}


def test_the_table_of_faults_names_tests_that_exist() -> None:
    names = re.findall(r"`([\w/]+\.py)::(test_\w+)`", read(ROOT / "tests" / "README.md"))
    assert len(names) > 80
    missing = [
        f"{path}::{name}"
        for path, name in names
        if not re.search(rf"^\s*def {name}\(", read(ROOT / "tests" / path), re.MULTILINE)
    ]
    assert missing == []


if __name__ == "__main__":
    os.write(1, (rooms_table() + "\n").encode())
