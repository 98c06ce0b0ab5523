"""Recurrent cells as algebra: what a cell computes, in one normal form, and whether that is a layer that is known."""
