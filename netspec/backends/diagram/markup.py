"""Elements of XML, with everything escaped."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

# What XML 1.0 cannot hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """One element; `content` is markup. Underscores in attribute names become hyphens; `class_` loses its own."""
    named = "".join(f" {name.rstrip('_').replace('_', '-')}={_quoted(value)}" for name, value in attributes.items())
    return f"<{tag}{named}>{content}</{tag}>" if content else f"<{tag}{named}/>"


def text(words: str) -> str:
    """Words as the content of an element."""
    return escape(_FORBIDDEN.sub("\ufffd", words))


def number(value: float) -> str:
    """A coordinate, to a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(value) < 0.005 else "-0")


def _quoted(value: object) -> str:
    return quoteattr(number(value) if isinstance(value, float) else _FORBIDDEN.sub("\ufffd", str(value)))
