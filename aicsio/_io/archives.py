"""The members of a ZIP archive that is a store.

Rule kept here: the list of members is read, and no member.

Source of the facts: RFC-9 of NGFF (``.ozx``).
"""

from typing import TYPE_CHECKING

from aicsio._io import readers
from aicsio.errors import AicsioError, CorruptFileError
from aicsio.records import Source

if TYPE_CHECKING:  # it takes 10 ms to import, and most images are in no archive
    import zipfile


class Archive:
    """The members of a ZIP file. Not a record: it lives while the archive is read."""

    def __init__(self, store: Source) -> None:
        import zipfile

        try:
            with readers.open_binary(store) as file, zipfile.ZipFile(file) as archive:  # type: ignore[attr-defined]
                members = archive.infolist()
        except AicsioError:
            raise
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise CorruptFileError.at(
                store.uri, None, f"no readable ZIP archive: {error}"
            ) from error
        self.members = {member.filename: member for member in members if not member.is_dir()}
        self.root = _root_of(self.members)

    def find(self, key: str) -> "zipfile.ZipInfo | None":
        """Return the member of a key."""
        return self.members.get(self.root + key)

    def names_below(self, folder: str) -> list[str]:
        """Return the names directly below a folder."""
        # An archive lists members and no folders: folders are what their names begin with.
        prefix = self.root + (folder + "/" if folder else "")
        names = {
            name[len(prefix) :].split("/")[0] for name in self.members if name.startswith(prefix)
        }
        return sorted(names)

    def close(self) -> None:
        """Nothing is open."""


def _root_of(members: "dict[str, zipfile.ZipInfo]") -> str:
    """Return the folder inside the archive that is the store: most archives have none around it."""
    metadata = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
    roots = [name[: -len(end)] for name in members for end in metadata if name.endswith("/" + end)]
    if any(name in members for name in metadata) or not roots:
        return ""
    return min(roots, key=lambda root: (root.count("/"), root))
