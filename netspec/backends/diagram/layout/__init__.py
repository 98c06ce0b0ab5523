"""A layered layout, top to bottom: ranks by longest path, order by barycentre, positions by weighted medians."""

from __future__ import annotations

from netspec.backends.diagram.layout.place import Placement, Rect, Route, place

__all__ = ["Placement", "Rect", "Route", "place"]
