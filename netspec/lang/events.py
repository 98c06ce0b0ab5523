"""PyYAML's events of a text, its errors in our words and at our places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from netspec.diagnostics import Diagnostic, Label, Source, Span, SpecError
from netspec.lang.unquoted import broken_value

# libyaml where PyYAML was built with it; the pure loader gives the same events, ten times slower.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HAS_LIBYAML = LOADER is not yaml.SafeLoader


def events(source: Source) -> Iterator[Any]:
    """The events of a text, one by one, so that reading stops at the first that is not allowed.

    Raises:
        SpecError: `yaml-syntax`, or `unquoted` where an expression without quotes broke the syntax.
    """
    mark = source.text.find("\ufeff")
    if mark >= 0:  # invisible, and libyaml drops it where the pure parser makes it part of a word
        raise fail("yaml-syntax", "the character U+FEFF may not stand in YAML", Span(source, mark, mark + 1))
    try:
        yield from yaml.parse(source.text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        raise _syntax(source, error) from None
    except yaml.reader.ReaderError as error:
        raise fail("yaml-syntax", _character(error), _at(source, _offset(source.text, error))) from None
    except UnicodeEncodeError as error:  # the C parser takes UTF-8, which has no lone surrogates
        raise fail("yaml-syntax", "a lone surrogate is not a character", _at(source, error.start)) from None


def fail(code: str, message: str, span: Span, help: str | None = None) -> SpecError:
    """The error of one diagnostic."""
    return SpecError([Diagnostic(code, message, span, help=help)])


def _syntax(source: Source, error: yaml.MarkedYAMLError) -> SpecError:
    assert error.problem_mark is not None, "every error of PyYAML's scanner and parser has a place"
    offset = error.problem_mark.index
    unquoted = broken_value(source, offset)
    if unquoted is not None:
        return SpecError([unquoted])
    # "while parsing a block mapping": where that began is often the line to mend.
    began = error.context_mark
    labels = (Label(error.context, _at(source, began.index)),) if began is not None and error.context else ()
    return SpecError([Diagnostic("yaml-syntax", str(error.problem), _at(source, offset), labels=labels)])


def _character(error: yaml.reader.ReaderError) -> str:
    return f"the character U+{error.character:04X} may not stand in YAML"


def _offset(text: str, error: yaml.reader.ReaderError) -> int:
    """The C parser counts bytes of UTF-8, the pure one characters."""
    if error.encoding == "unicode":
        return int(error.position)
    return len(text.encode()[: error.position].decode("utf-8", "ignore"))


def _at(source: Source, offset: int) -> Span:
    offset = min(offset, len(source.text))
    return Span(source, offset, offset)
