"""The page that shows the pictures of a directory."""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import Path

import npfuse as nf
from npfuse.gallery.collection import pictures
from npfuse.gallery.picture import Picture

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>npfuse: the gallery</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1250px; margin: 2em auto; padding: 0 1em; color: #222; }
nav a { margin-right: 1.2em; }
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1.5em; }
figure { margin: 0; }
figure.wide { grid-column: 1 / -1; }
img { max-width: 100%; border: 1px solid #e4e4e4; }
figcaption { font-size: 14px; color: #444; }
</style>
</head>
<body>
"""

TITLES = {
    "activations": "Activations and their derivatives",
    "accuracy": "Measured accuracy",
    "losses": "Losses and their gradients",
    "optimizers": "Races of all optimizers",
}
WIDE = ("all", "optimizers")
"""What must be seen in full width: these names' beginnings, after their section or as their section."""


def figure(picture: Picture) -> str:
    """Return one picture with its name and caption."""
    name = Path(picture.name).stem
    wide = ' class="wide"' if name.startswith(WIDE) or picture.section in WIDE else ""
    link = f'<a href="{picture.name}"><img src="{picture.name}" alt="{escape(name)}" loading="lazy"></a>'
    caption = f"<b>{escape(name)}</b> {escape(picture.caption)}"
    return f"<figure{wide}>{link}<figcaption>{caption}</figcaption></figure>\n"


def write(directory: Path) -> Path:
    """Write the page of all pictures that are in a directory; return where it is."""
    present = [picture for picture in pictures() if (directory / picture.name).exists()]
    sections = {name: list(group) for name, group in groupby(present, key=lambda picture: picture.section)}
    links = "".join(f'<a href="#{name}">{TITLES[name]}</a>' for name in sections)
    body = [
        f"<h1>npfuse {nf.__version__}: the gallery</h1>\n<p>All of it is computed by npfuse.</p>\n<nav>{links}</nav>\n"
    ]
    for name, group in sections.items():
        wall = "".join(map(figure, group))
        body.append(f'<h2 id="{name}">{TITLES[name]}</h2>\n<div class="wall">\n{wall}</div>\n')
    page = directory / "index.html"
    page.write_text(HEAD + "".join(body) + "</body>\n</html>\n", encoding="utf-8")
    return page
