"""Which names layers, inputs and networks may have."""

from __future__ import annotations

import re
from dataclasses import replace

from netspec.diagnostics import Report
from netspec.lang.nodes import Scalar, shorten

_LAYER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

# What torch.nn.Module and torch.nn.Sequential need themselves; torch refuses submodules of these names.
RESERVED = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl
    _forward_hooks _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks
    _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks _get_item_by_idx _get_name
    _is_full_backward_hook _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks
    _maybe_warn_non_full_backward_hook _modules _named_members _non_persistent_buffers_set _parameters
    _register_load_state_dict_pre_hook _register_state_dict_hook _replicate_for_data_parallel
    _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version _wrapped_call_impl
    add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half insert ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters pop
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad
    """.split()
)


def check_layer_name(name: Scalar, report: Report) -> bool:
    """Whether a layer (or the network) may have this name; reports `bad-name` or `reserved-name` if not."""
    if not _LAYER.fullmatch(name.text):
        message = f"the name {shorten(name.text)!r} is not made of 1 to 64 ASCII letters, digits, `_` and `-`"
        report.error("bad-name", message, name.span, help=_ascii_twin(name.text))
        return False
    if name.text in RESERVED or name.text.startswith("__"):
        message = f"torch.nn.Module needs the name `{name.text}` itself"
        report.error("reserved-name", message, name.span, help=f"try `{name.text.strip('_')}_1`")
        return False
    return True


def check_output_name(name: Scalar, report: Report) -> bool:
    """Whether an output may have this name: that of a layer, or, as a list of outputs gives them, a dotted path."""
    return all(check_layer_name(replace(name, text=part), report) for part in name.text.split("."))


def check_input_name(name: Scalar, report: Report) -> bool:
    """Whether an input may have this name; reports `bad-name` if not."""
    if name.text == "input":
        message = "`input` is what the innermost chain reads; an input needs another name"
        report.error("reserved-name", message, name.span)
        return False
    if not _INPUT.fullmatch(name.text):
        message = f"the input's name {shorten(name.text)!r} is not a letter or `_` and up to 63 letters, digits and `_`"
        report.error("bad-name", message, name.span, help=_ascii_twin(name.text))
        return False
    return True


def _ascii_twin(text: str) -> str | None:
    """The nearest name of plain characters: what is outside ASCII is often a look-alike or invisible."""
    if text.isascii():
        return None
    strange = next(character for character in text if not character.isascii())
    return f"`U+{ord(strange):04X}` is not an ASCII character; retype the name"
