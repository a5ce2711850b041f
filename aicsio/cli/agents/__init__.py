"""Tools for agents over the Model Context Protocol. Imports `cli` and the public verbs.

``access`` decides which paths an agent may read and write, ``tools`` are the verbs, this module
offers them.

Rule kept here: the library mcp is imported when the server starts, and nowhere else.
"""

from aicsio._version import __version__
from aicsio.cli.agents.access import AgentAccess
from aicsio.cli.agents.tools import ImageTools
from aicsio.errors import MissingDependencyError

INSTRUCTIONS = """Microscopy images on this machine, of any format that aicsio opens. Begin with \
list_images, then info. Dimensions have letters: T time, C channel, Z section, Y row, X column, S \
sample of a colour. thumbnail draws a whole image, window a part of it at full detail. explain shows why a \
file is read as it is, and what was guessed. check looks for damage."""


def serve(access: AgentAccess) -> None:
    """Serve the tools over stdio until the client closes the connection.

    Parameters
    ----------
    access
        Folders that may be read and written.

    Raises
    ------
    MissingDependencyError
        When the library mcp is not installed, or is older than version 2.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp_types import ToolAnnotations
    except ImportError as error:
        raise MissingDependencyError("mcp needs mcp>=2: pip install 'aicsio[mcp]'") from error
    # Refused calls are answers of the protocol; a log of them on stderr would fill that of the client.
    server = MCPServer(
        "aicsio", version=__version__, instructions=INSTRUCTIONS, log_level="CRITICAL"
    )
    tools = ImageTools(access)
    for tool in tools.list_tools():
        name = tool.__name__
        writes = name == "convert"
        hints = ToolAnnotations(
            read_only_hint=not writes, destructive_hint=False, open_world_hint=False
        )
        # A picture is content alone: it has no form as JSON.
        structured = name not in {"thumbnail", "window"}
        server.add_tool(tool, annotations=hints, structured_output=structured)
    server.run("stdio")
