"""Colours and fonts, for light and dark readers. Written out for both, since not every renderer knows variables."""

from __future__ import annotations

from collections.abc import Iterator

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

# Family -> fill and accent, light; fill and accent, dark. Hues after Paul Tol's schemes, told apart by most eyes.
FAMILIES: dict[str, tuple[str, str, str, str]] = {
    "conv": ("#e3edf8", "#2f6db3", "#16293f", "#6fa8e0"),
    "linear": ("#e6e4f6", "#5b4fb0", "#242043", "#a59bf0"),
    "pool": ("#fdeadf", "#c8602a", "#3d2315", "#f0955f"),
    "norm": ("#f1f1e2", "#87853a", "#2e2d18", "#c9c66f"),
    "activation": ("#e2f3ea", "#2f8a5b", "#15301f", "#6cc798"),
    "regularize": ("#eef0f2", "#7b8794", "#262c33", "#a3afbb"),
    "combine": ("#fbe3e8", "#b83a5a", "#3d1722", "#f07f9b"),
    "shape": ("#eef0f2", "#7b8794", "#262c33", "#a3afbb"),
    "embedding": ("#e0f1f3", "#21808d", "#112f33", "#5fc3cf"),
    "recurrent": ("#f6e6f5", "#98408f", "#361a33", "#dd8ad4"),
    "attention": ("#fdf3d6", "#a87a10", "#372a0b", "#e0b654"),
    "block": ("#ffffff", "#52606d", "#1a222b", "#9fb0c0"),
    "other": ("#f2f4f6", "#616e7c", "#232a31", "#aab7c4"),
}

# Files of ops that are of another one's kind, in the eyes of who looks at a network.
_KINDS = {
    "arrange": "shape", "cut": "shape", "shuffle": "shape", "upsample": "pool", "reduce": "pool",
    "elementwise": "activation", "matrix": "combine", "product": "combine", "calc": "combine",
}  # fmt: skip

# name -> light, dark
INK = ("#1f2933", "#e4e9ee")
MUTED = ("#616e7c", "#9aa7b4")
GROUND = ("#ffffff", "#10161c")
GROUP = ("#f7f9fb", "#151d25")
WIRE = ("#7b8794", "#8795a3")
SKIP = ("#d9480f", "#ff922b")


def known(family: str) -> str:
    """The family whose colours are used."""
    kind = _KINDS.get(family, family)
    return kind if kind in FAMILIES else "other"


def css(scope: str = ".netspec-diagram") -> str:
    """The style sheet of a picture: light, and dark where the reader asks for it."""
    light = "\n".join(_rules(scope, dark=False))
    dark = "\n".join(_rules(scope, dark=True))
    return f"{_shapes(scope)}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _shapes(scope: str) -> str:
    return f"""{scope} {{ font-family: {FONT}; }}
{scope} text {{ font-size: 11px; }}
{scope} .heading {{ font-size: 18px; font-weight: 600; }}
{scope} .what {{ font-size: 13px; font-weight: 600; }}
{scope} .small {{ font-size: 10px; }}
{scope} .box rect, {scope} .group rect {{ stroke-width: 1.2; }}
{scope} .folded rect {{ stroke-width: 1.6; }}
{scope} .train-only rect {{ stroke-dasharray: 5 4; }}
{scope} .wire {{ fill: none; stroke-width: 1.5; }}
{scope} .skip {{ stroke-width: 2; }}
{scope} .size {{ paint-order: stroke; stroke-width: 4px; stroke-linejoin: round; }}"""


def _rules(scope: str, *, dark: bool) -> Iterator[str]:
    ink, muted, ground, group, wire, skip = (pair[dark] for pair in (INK, MUTED, GROUND, GROUP, WIRE, SKIP))
    yield f"{scope} text {{ fill: {ink}; }}"
    yield f"{scope} .muted {{ fill: {muted}; }}"
    yield f"{scope} .ground {{ fill: {ground}; }}"
    yield f"{scope} .size {{ fill: {muted}; stroke: {ground}; }}"
    yield f"{scope} .group .size {{ stroke: {group}; }}"
    yield f"{scope} .group > rect {{ fill: {group}; stroke: {muted}; }}"
    yield f"{scope} .wire {{ stroke: {wire}; }} {scope} .tip {{ fill: {wire}; }}"
    yield f"{scope} .skip {{ stroke: {skip}; }} {scope} .skip-tip {{ fill: {skip}; }}"
    yield f"{scope} .end rect {{ fill: {ink}; stroke: {ink}; }} {scope} .end text {{ fill: {ground}; }}"
    yield f"{scope} .port {{ fill: {ground}; stroke: {muted}; }}"
    for name, colours in FAMILIES.items():
        fill, accent = colours[2:] if dark else colours[:2]
        yield f"{scope} .{name} > rect {{ fill: {fill}; stroke: {accent}; }}"
        yield f"{scope} .{name} > .bar, {scope} .{name} > .badge {{ fill: {accent}; }}"
    yield f"{scope} .group > .badge {{ fill: {muted}; }}"
    yield f"{scope} .badge-text {{ fill: {ground}; }}"
