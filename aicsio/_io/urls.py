"""URLs: the part that may be shown, the part that is requested, and the URL of another file in the
same folder.

Rule kept here: ``Source.uri`` is shown in reprs, errors and metadata, so it holds no secret. User
information and query values that may be credentials are cut out of it; the URL as given travels in
the storage options, which no repr shows.

Source of the facts: RFC 3986, section 3.2.1 ("applications should not render as clear text any data
after the first colon"); fsspec's chains (``zip://member::https://host/archive.zip``).
"""

import re
from collections.abc import Sequence
from typing import Any

from aicsio.records import Source

# Key of the storage options under which a URL with secrets travels.
URL_KEY = "aicsio_url"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+(://|::)")
# ``Path("https://host/a")`` and a slip of the finger leave one slash of two. Text with a colon and a
# slash is common: only schemes whose URLs have users and tokens are taken so.
_ONE_SLASH = r"(?:https?|ftps?|sftp|ssh|smb|webdavs?|s3a?|gs|gcs|az|abfss?|oss):/(?!/)"
_SHORT_URL = re.compile(_ONE_SLASH, re.IGNORECASE)
# A URL without its scheme (RFC 3986, section 4.2: a network-path reference). Two slashes begin
# paths, too: only one with a user and a password is taken so.
_NO_SCHEME = r"//(?=[^\s'\"<>`/?#:@]*:[^\s'\"<>`]*@)"
_NETWORK_PATH = re.compile(_NO_SCHEME)
_URL_IN_TEXT = re.compile(
    rf"(?:[A-Za-z][A-Za-z0-9+.\-]+://|(?<![A-Za-z0-9+.\-])(?i:{_ONE_SLASH})"
    rf"|(?<![^\s'\"<>`(=]){_NO_SCHEME})"
    r"[^\s'\"<>`]+?(?=[.,;:)]*(?:[\s'\"<>`]|$))"
)
# The two colons between links, which are not those of an IPv6 address in brackets.
_CHAIN = re.compile(r"(?<!\[)::(?![0-9A-Fa-f:.]*\])")
_WEB = frozenset({"http", "https"})
# In URLs of Azure the part before the ``@`` names a container, not a user.
_CONTAINER_AT_ACCOUNT = frozenset({"abfs", "abfss", "adl", "wasb", "wasbs"})
_SECRET_NAME = re.compile(
    r"token|sig|secret|passw|pwd|auth|cred|session|access|key|jwt|sas|code|ticket", re.IGNORECASE
)
_HARMLESS_VALUE = re.compile(r"\d{0,12}|true|false|yes|no", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Whether a text begins like a URL or like a chain of fsspec."""
    return _URL.match(text) is not None


def names_folder(url: str) -> bool:
    """Whether a URL is that of a Zarr store, or of a folder in one.

    Servers answer a folder with a page or an error, so its name must decide: a part of its path
    ends in ``.zarr``, and it is no archive.
    """
    if len(split_chain(url)) > 1:
        return False
    path = url.partition("?")[0].partition("#")[0]
    names = path.lower().rstrip("/").split("/")[3:]
    return any(name.endswith(".zarr") for name in names) and not names[-1].endswith(
        (".zip", ".ozx")
    )


def names_place(url: str) -> bool:
    """Whether a link of a URL has something behind its scheme.

    Examples
    --------
    >>> from aicsio._io.urls import names_place
    >>> names_place("zip://cells.tif::https://host/a.zip")
    True
    >>> names_place("file://"), names_place("simplecache::cells.tif")
    (False, False)
    """
    return any("://" in link.rstrip("/") for link in split_chain(url))


def split_chain(url: str) -> list[str]:
    """Split a chain of fsspec, ``zip://member::https://host/archive.zip``, into its links."""
    return _CHAIN.split(url)


def public_url(url: str) -> str:
    """Return a URL without user information and without query values that may be credentials.

    Parameters
    ----------
    url
        A URL or a chain of URLs joined by ``::``; other text is returned as it is.

    Examples
    --------
    >>> from aicsio._io.urls import public_url
    >>> public_url("https://me:secret@host/a.tif?id=5&token=abc")
    'https://host/a.tif?id=5'
    >>> public_url("https:/me:secret@host/a.tif")
    'https:/host/a.tif'
    >>> public_url("//me:secret@host/a.tif")
    '//host/a.tif'
    """
    return "::".join(map(_public_part, split_chain(url)))


def _public_part(url: str) -> str:
    mark = "://"
    if _SHORT_URL.match(url):
        mark = ":/"
    elif _NETWORK_PATH.match(url):
        mark = "//"
    scheme, found, rest = url.partition(mark)
    if not found:
        return url
    scheme_name = scheme.lower()
    rest = _without_user(scheme_name, rest)
    path, mark_of_query, query = rest.partition("?")
    if scheme_name in _WEB or not scheme_name:
        # A fragment never reaches the server, and OAuth puts access tokens there (RFC 6749, 4.2.2).
        path = path.partition("#")[0]
        query = query.partition("#")[0]
    shown = "&".join(pair for pair in query.split("&") if _is_harmless(scheme_name, pair))
    separator = mark_of_query if shown else ""
    return f"{scheme}{mark}{path}{separator}{shown}"


def _without_user(scheme: str, rest: str) -> str:
    """Cut ``user:password@`` off the front of an authority."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at_sign, _ = authority.rpartition("@")
    if not at_sign:
        # A password with an unescaped "/" or "?" ends the authority early and leaves a port that is
        # no number.
        port = authority.rpartition(":")[2] if ":" in authority else ""
        looks_like_password = bool(port) and not port.isdigit() and not authority.startswith("[")
        if looks_like_password and "@" in rest:
            return rest.rpartition("@")[2]
        return rest
    if scheme in _CONTAINER_AT_ACCOUNT and ":" not in user:
        return rest
    return rest[len(user) + 1 :]


def _is_harmless(scheme: str, pair: str) -> bool:
    name, equals, value = pair.partition("=")
    if _SECRET_NAME.search(name):
        return False
    if not equals:
        value = name
    # Other schemes than the web's have names with "?" in them; only the web has presigned URLs with
    # odd names.
    return scheme not in _WEB or _HARMLESS_VALUE.fullmatch(value) is not None


def hide_secrets(text: str) -> str:
    """Return a text, such as the message of another library, with each URL in it made public."""
    return _URL_IN_TEXT.sub(lambda match: public_url(match[0]), text)


def requested_url(source: Source) -> str:
    """Return the URL to ask for: ``source.uri`` with the secrets that it does not show."""
    import json  # 2 ms, for URLs alone

    return str(json.loads(source.storage_options).get(URL_KEY, source.uri))


def client_options(source: Source) -> dict[str, Any]:
    """Return the storage options that the user gave."""
    import json

    options: dict[str, Any] = json.loads(source.storage_options)
    options.pop(URL_KEY, None)
    return options


def sibling_url(url: str, name: str) -> str:
    """Put another file name into a URL.

    The query stays, and so does the URL around which a chain such as ``zip://a::https://b`` is
    wrapped.
    """
    sibling = url_below(url, [name], 0)
    if sibling is None:  # every URL has a folder of its own
        raise ValueError(f"{public_url(url)!r} has no folder")
    return sibling


def folder_url(url: str) -> str:
    """Return the URL of a folder with the slash at the end of its path.

    Parameters
    ----------
    url
        URL of a folder, or a chain whose first link is one. A query of the web stays behind the
        path; a fragment, which no server gets, is left out.

    Examples
    --------
    >>> from aicsio._io.urls import folder_url
    >>> folder_url("https://host/cells.ome.zarr?sig=abc")
    'https://host/cells.ome.zarr/?sig=abc'
    >>> folder_url("zip://a.zarr::https://host/b.zip")
    'zip://a.zarr/::https://host/b.zip'
    """
    parts = split_chain(url)
    index = next(index for index, part in enumerate(parts) if "://" in part)
    path, mark, query = parts[index], "", ""
    if path.partition("://")[0].lower() in _WEB:
        path, mark, query = path.partition("#")[0].partition("?")
    # The root of an archive, "zip://", has its slashes.
    if not path.endswith("://"):
        path = path.rstrip("/") + "/"
    parts[index] = f"{path}{mark}{query}"
    return "::".join(parts)


def url_below(url: str, names: Sequence[str], parents: int) -> str | None:
    """Return the URL of a file below the folder of another, or below a folder above that.

    Parameters
    ----------
    url
        URL of a file.
    names
        Folders and a file name.
    parents
        How many folders above that of ``url`` they begin.

    Returns
    -------
    The URL, or ``None`` if there are not as many folders above. The query stays.
    """
    parts = split_chain(url)
    index = next(index for index, part in enumerate(parts) if "://" in part)
    path, query = parts[index], ""
    if path.startswith(("http://", "https://")):
        from urllib.parse import quote

        # A server would take "%2e%2e", "?" or "#" in a name for more than a name.
        path, mark, rest = path.partition("?")
        names = [quote(name, safe="") for name in names]
        query = mark + rest
    scheme, _, body = path.partition("://")
    folders = body.split("/")[:-1]
    if parents:
        # The first part is the host, or the bucket.
        if len(folders) - parents < 1:
            return None
        folders = folders[:-parents]
    parts[index] = f"{scheme}://{'/'.join([*folders, *names])}{query}"
    return "::".join(parts)


def path_of_file_url(url: str) -> str:
    """Return the local path of a ``file://`` or ``local://`` URL."""
    import os
    import sys
    from urllib.parse import unquote, urlsplit

    # fsspec writes paths as they are; pathlib percent-encodes the bytes of the name, whatever their
    # encoding.
    plain = url.split("://", 1)[1]
    if os.path.exists(plain):
        return plain
    return unquote(urlsplit(url).path, sys.getfilesystemencoding(), "surrogateescape")
