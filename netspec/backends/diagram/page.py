"""Drawing -> one HTML page: the picture, and below it each block as a native <details> that holds its own picture.

A folded block is a link to its details, so keyboard and screen reader work without a script; a few lines of one open
the details on the way, and show in a bar what is known of the box under the pointer or the focus.
"""

from __future__ import annotations

from netspec.backends.diagram import svg
from netspec.backends.diagram.markup import element, text
from netspec.backends.diagram.scene import Box, Drawing
from netspec.backends.diagram.stage import Artist
from netspec.backends.diagram.style import css
from netspec.compiler.fold import Folder
from netspec.ir import Graph

# Different blocks that get a picture of their own; a network of more is one that nobody reads block by block.
MAX_BLOCKS = 200

_STYLE = """
body { margin: 0; padding: 1rem 1.5rem 7rem; font: 14px/1.5 Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif;
  background: #ffffff; color: #1f2933; }
main > svg { display: block; margin: 0 auto; max-width: 100%; height: auto; }
details { border: 1px solid #9fb0c0; border-radius: 8px; margin: .6rem 0; padding: .3rem .8rem; overflow-x: auto; }
summary { cursor: pointer; font-weight: 600; }
summary small { font-weight: 400; opacity: .75; }
svg a, svg g[tabindex] { cursor: pointer; outline-offset: 3px; }
svg a:focus-visible, svg g[tabindex]:focus-visible { outline: 2px solid #2f6db3; }
svg a:hover > rect { stroke-width: 2.4; }
#facts { position: fixed; left: 0; right: 0; bottom: 0; margin: 0; padding: .6rem 1.5rem; min-height: 3.2em;
  max-height: 8.5em; overflow: auto; white-space: pre-wrap; background: #f1f4f7; border-top: 1px solid #9fb0c0;
  font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) {
  body { background: #10161c; color: #e4e9ee; }
  #facts { background: #1a222b; }
}
"""
_SCRIPT = """
const facts = document.getElementById('facts');
function show(event) {
  const box = event.target.closest('[data-box]');
  const title = box && box.querySelector(':scope > title');
  if (title) facts.textContent = title.textContent;
}
document.addEventListener('mouseover', show);
document.addEventListener('focusin', show);
function reveal() {
  let block = document.getElementById(location.hash.slice(1));
  if (!block) return;
  for (let each = block; each; each = each.parentElement) if (each.tagName === 'DETAILS') each.open = true;
  block.scrollIntoView({behavior: 'smooth', block: 'start'});
  block.querySelector('summary').focus({preventScroll: true});
}
addEventListener('hashchange', reveal);
reveal();
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_HINT = "Point at a box, or move to it with the Tab key, to see what is known of it. A block opens below."


def render(drawing: Drawing, graph: Graph) -> str:
    """The page of a network; `drawing` is its picture."""
    blocks = _Blocks(graph)
    picture = svg.render(drawing, style=False, wrap=blocks.wrap)
    title = text(drawing.title)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{title}</title>\n<style>{_STYLE}{css()}</style>"
    )
    details = blocks.details()
    section = f"<section><h2>Blocks</h2>\n{details}</section>\n" if details else ""
    body = f'<main>\n{picture}{section}</main>\n<output id="facts" aria-live="polite">{text(_HINT)}</output>'
    whole = f"<head>\n{head}\n</head>\n<body>\n{body}\n<script>{_SCRIPT}</script>\n</body>"
    return f'<!doctype html>\n<html lang="en">\n{whole}\n</html>\n'


class _Blocks:
    """The blocks that pictures link to: each kind once, in the order in which it is first met."""

    def __init__(self, graph: Graph) -> None:
        self._artist = Artist(graph, prefix="b")
        self._folder: Folder = self._artist.folder
        self._met: dict[int, Box] = {}

    def wrap(self, box: Box, inside: str) -> str:
        """The element of a box: a link to its block's details, or a group that can have the focus."""
        shared = {"id": box.id, "class_": svg.classes(box), "data-box": box.kind}
        if box.kind == "port":
            return element("g", inside, **shared)
        label = box.facts.splitlines()[0]
        if box.region is None or box.scene is not None:
            return element("g", inside, tabindex=0, role="group", aria_label=label, **shared)
        kind = self._folder.kind(box.region)
        if kind not in self._met and len(self._met) >= MAX_BLOCKS:
            return element("g", inside, tabindex=0, role="group", aria_label=label, **shared)
        self._met.setdefault(kind, box)
        return element("a", inside, href=f"#block-{kind}", aria_label=f"{label}: show inside", **shared)

    def details(self) -> str:
        """The details of the blocks met so far; those met inside one stand in it."""
        return "".join(self._details(kind, box) for kind, box in list(self._met.items()))

    def _details(self, kind: int, box: Box) -> str:
        assert box.region is not None
        first, *rest = box.facts.splitlines()
        summary = f"<summary>{text(first)} <small>{text(', '.join(rest[:3]))}</small></summary>"
        before = len(self._met)
        picture = svg.fragment(self._artist.scene(box.region.body, 1, ports=True), box.facts, wrap=self.wrap)
        fresh = list(self._met.items())[before:]
        inside = "".join(self._details(*each) for each in fresh)
        return f'<details id="block-{kind}">{summary}\n{picture}{inside}</details>\n'
