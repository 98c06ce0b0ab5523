"""Whoever looks on as a run goes: checkpoints, probes."""

from __future__ import annotations

from netspec.training.finite import Moment


class Observer:
    """Is told what has happened; each method does nothing unless it is overridden."""

    def differentiated(self, moment: Moment) -> None:
        """The gradients of an update are there, and no parameter has moved by them."""

    def stepped(self, moment: Moment) -> None:
        """A step is done, its evaluation too if it had one: `Loop.state` holds what the next step starts from."""

    def saved(self) -> None:
        """The state is saved: a run that is stopped goes on from here."""

    def finished(self) -> None:
        """The stage is over, however it ended."""
