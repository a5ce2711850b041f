"""The style sheet of drawings in notebooks.

Rule kept here: text and background are those of the page around, so that light and dark follow it
everywhere; only accents have two colours. No rule reaches out of ``.aicsio``.
"""

LIGHT = "--aicsio-good:#1b7f3b;--aicsio-warn:#9a5b00;--aicsio-bad:#c62828;--aicsio-accent:#00796b"
DARK = "--aicsio-good:#6fcf8f;--aicsio-warn:#f2b25c;--aicsio-bad:#ff8a80;--aicsio-accent:#4db6ac"
"""Each at least 4.5 to 1 on the page (WCAG 2.2, 1.4.3): white, and the #111111 and #1f1f1f of JupyterLab
and VS Code."""

# A page states its theme by an attribute or a class: JupyterLab, nbconvert, VS Code, Sphinx, mkdocs-material.
# It outranks that of the system.
LIGHT_PAGES = (
    '[data-jp-theme-light="true"]',
    "body.vscode-light",
    'html[data-theme="light"]',
    '[data-md-color-scheme="default"]',
)
DARK_PAGES = (
    '[data-jp-theme-light="false"]',
    "body.vscode-dark",
    'html[data-theme="dark"]',
    '[data-md-color-scheme="slate"]',
)

# Notebooks have rules of their own for tables; a class that is named twice outranks them.
TWICE = ".aicsio.aicsio"

_RULES = """
.aicsio{%(light)s;color:var(--jp-content-font-color1,var(--vscode-editor-foreground,inherit));
font-family:var(--jp-content-font-family,var(--vscode-font-family,system-ui,sans-serif));
font-size:13px;line-height:1.45;max-width:72em}
@media(prefers-color-scheme:dark){.aicsio{%(dark)s}}
%(light_pages)s{%(light)s}
%(dark_pages)s{%(dark)s}
.aicsio-head{margin:0 0 .6em;overflow-wrap:anywhere}
.aicsio-kind{color:var(--aicsio-accent);font-weight:600}
.aicsio-muted{opacity:.7}
.aicsio-hint{text-decoration:underline dotted;text-underline-offset:3px;cursor:help}
.aicsio-badge{border:1px solid rgba(128,128,128,.5);border-radius:3px;padding:0 .4em;font-size:12px}
.aicsio-good{color:var(--aicsio-good);border-color:currentColor}
.aicsio-warn{color:var(--aicsio-warn);border-color:currentColor}
.aicsio-bad{color:var(--aicsio-bad);border-color:currentColor}
.aicsio-row{display:flex;flex-wrap:wrap;gap:1em 1.6em;align-items:flex-start}
.aicsio-row{margin:.5em 0}
.aicsio-narrow{width:192px;white-space:normal}
.aicsio-row>*{flex:none;max-width:100%%;margin:0}
.aicsio figure{margin:0}
.aicsio figure img{display:block;border-radius:3px;background:#000;max-width:100%%;margin:0}
.aicsio figcaption{font-size:11px;opacity:.7;max-width:192px}
.aicsio svg{display:block;color:inherit;font-size:11px;font-family:inherit;max-width:100%%;overflow:visible}
%(twice)s table{border-collapse:collapse;border:0;margin:0 0 .4em;font-size:13px;width:auto;display:table;
table-layout:auto;color:inherit}
%(twice)s caption{caption-side:top;text-align:left;font-weight:600;padding:0 0 .2em;color:inherit;white-space:nowrap}
%(twice)s table th,%(twice)s table td{border:0;padding:.12em 1.1em .12em 0;text-align:left;vertical-align:top;
background:none;color:inherit;max-width:40em;overflow-wrap:break-word;white-space:normal;font-size:13px;min-width:0}
%(twice)s thead th{border-bottom:1px solid rgba(128,128,128,.5);font-weight:600}
%(twice)s tbody tr,%(twice)s tbody tr:hover,%(twice)s tbody tr:nth-child(odd){background:none}
%(twice)s tbody th{font-weight:600}
%(twice)s td{font-variant-numeric:tabular-nums}
.aicsio-fit{overflow-x:auto;max-width:100%%}
%(twice)s .aicsio-wide table th,%(twice)s .aicsio-wide table td{white-space:nowrap}
.aicsio details{margin:.3em 0}
.aicsio summary{cursor:pointer;font-weight:600}
.aicsio ul{margin:.2em 0 .2em 1.2em;padding:0;list-style:disc}
.aicsio li{margin:.1em 0;overflow-wrap:anywhere}
.aicsio p{margin:.3em 0}
.aicsio-swatch{display:inline-block;width:.85em;height:.85em;border-radius:2px;vertical-align:-.1em;overflow:hidden;
border:1px solid rgba(128,128,128,.6);margin-right:.4em}
"""


def _within(pages: tuple[str, ...]) -> str:
    return ",".join(f"{page} .aicsio" for page in pages)


STYLE = (
    _RULES
    % {
        "light": LIGHT,
        "dark": DARK,
        "twice": TWICE,
        "light_pages": _within(LIGHT_PAGES),
        "dark_pages": _within(DARK_PAGES),
    }
).replace("\n", "")
