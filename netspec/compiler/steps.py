"""`call: NAME.step`: one step of a recurrent layer, with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.compiler.place import place_op
from netspec.compiler.resolve import Reading
from netspec.compiler.scans import scan
from netspec.compiler.scope import Body, Entry, Env
from netspec.lang.document import LayerDecl

if TYPE_CHECKING:
    from netspec.compiler.chain import Chains


def place_step(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """Make one step of the layer that `decl` is; `entry` gets the outputs of the cell.

    The step of `rnn`, `gru` and `lstm` reads one position, [features], and states as the layer does; it gives what
    the layer gives there, `h`, and `c`.
    """
    if decl.key.text == "scan":
        scan(chains, body, decl, entry, env, reading, is_single=True)
        return
    from netspec.ops.recurrent_step import STEPS

    place_op(chains.session, body, decl, entry, env, STEPS[decl.key.text], reading)
