"""An `export` section, checked to the end before anything runs. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from typing import TypeVar

from pydantic import BaseModel

from netspec.compiler.admissible import admissible, free_symbols
from netspec.compiler.passes.deployed import deployed
from netspec.compiler.passes.drawn_as_inputs import drawn_as_inputs
from netspec.compiler.passes.part import PartError
from netspec.compiler.spec import Spec
from netspec.data.preprocess.bind import Steps
from netspec.deploy import settings
from netspec.deploy.after import AFTER, After, Chain, chain
from netspec.deploy.calibration import bind_calibration
from netspec.deploy.graphs import bind_graphs, step_of
from netspec.deploy.inside import refusal
from netspec.deploy.plan import Calibration, ExportPlan, Part
from netspec.deploy.settings import HALF, Precision, Settings, Tolerance
from netspec.deploy.tables import bind_tables
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import DimError, TensorType
from netspec.lang import form
from netspec.lang.bind import bind
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null
from netspec.ops.base import OpError
from netspec.ops.lowering import BATCH
from netspec.training.plan import TrainPlan

M = TypeVar("M", bound=BaseModel)


def plan(
    spec: Spec,
    report: Report,
    *,
    steps: MappingOf[str, Steps],
    trained: TrainPlan | None,
    precision: Precision | None = None,
    opset: int | None = None,
    step: bool = False,
) -> ExportPlan | None:
    """Check the `export` section of a spec; one that is absent has all defaults.

    Args:
        spec: A checked spec.
        report: Takes every mistake at its place.
        steps: The preprocessing of each input.
        trained: What the spec's `train` section came out as, if it has one that is right.
        precision: In place of the section's.
        opset: In place of the section's.
        step: One step of the first recurrent layer, in place of the section's `graphs`.

    Returns:
        None if there is a mistake in it.
    """
    before = report.num_errors
    found = _Planner(spec, report, steps, trained, precision, opset, step).plan()
    return found if report.num_errors == before else None


class _Planner:
    def __init__(
        self,
        spec: Spec,
        report: Report,
        steps: MappingOf[str, Steps],
        trained: TrainPlan | None,
        precision: Precision | None,
        opset: int | None,
        step: bool,
    ) -> None:
        written = spec.document.export
        root = spec.document.root
        self._spec = spec
        self._place: Span = root.key("export").span if "export" in root else form.first_of(root)
        self._section = written if written is not None else Mapping({}, self._place)
        self._report = report
        self._steps = steps
        self._trained = trained
        self._precision = precision
        self._opset = opset
        self._step = step
        self._graph = drawn_as_inputs(deployed(spec.graph))

    def plan(self) -> ExportPlan | None:
        form.check_keys(self._section, settings.PLAIN | settings.OTHER, "`export`", self._report)
        plain = self._plain()
        parts = self._parts()
        precision, calibration = self._precise()
        tolerance = self._tolerance(precision)
        after = self._after(parts)
        labels = self._labels(parts, after)
        fixed = self._fixed(parts)
        tables = bind_tables(self._section.get("tables"), self._spec, self._graph, self._report)
        if plain is None or tolerance is None:
            return None
        return ExportPlan(
            parts=parts,
            steps=self._steps,
            inside=self._inside(plain),
            after=after,
            labels=labels,
            fixed=fixed,
            opset=self._opset or plain.opset,
            precision=precision,
            tolerance=tolerance,
            calibration=calibration,
            tables=tables,
            trained=self._trained,
        )

    def _parts(self) -> tuple[Part, ...]:
        if not self._step:
            return bind_graphs(self._section.get("graphs"), self._graph, self._spec.name, self._report)
        try:
            return (step_of(None, self._graph, "step"),)
        except PartError as error:
            self._report.error("bad-export", f"`--step`: {error}", self._place)
            return ()

    def _plain(self) -> Settings | None:
        entries = {key: entry for key, entry in self._section.entries.items() if key in settings.PLAIN}
        kept = {key: entry for key, entry in entries.items() if not is_null(entry[1])}
        return self._bind(Settings, Mapping(kept, self._section.span), "`export`")

    def _inside(self, plain: Settings) -> frozenset[str]:
        """The inputs whose steps go into the file."""
        if not plain.preprocess:
            return frozenset()
        place = self._section.key("preprocess").span
        names = [value.name for value in self._graph.inputs if self._steps.get(value.name)]
        if not names and all(value.name in self._steps for value in self._graph.inputs):
            self._report.error("bad-export", "no input has `preprocess` steps that could go into the file", place)
        for name in names:
            problem = refusal(self._steps[name])
            if problem is not None:
                help = (
                    "leave out `preprocess: true`: who runs the file then does the steps first, as `netspec run` does"
                )
                self._report.error("bad-export", f"`{name}`: {problem}", place, help=help)
        return frozenset(names)

    def _precise(self) -> tuple[Precision, Calibration | None]:
        node = self._section.get("precision")
        name, argument, span = self._named_precision(node)
        if self._precision is not None:
            name, argument = self._precision, argument if name == self._precision else None
        if name != "int8":
            return name, None
        return name, bind_calibration(argument, span, self._spec, self._graph, self._steps, self._trained, self._report)

    def _named_precision(self, node: Node | None) -> tuple[Precision, Node | None, Span]:
        if node is None or is_null(node):
            return "float32", None, self._place
        key, argument = form.named(node)
        if key is not None:
            for known in settings.PRECISIONS:
                if key.text != known:
                    continue
                if argument is not None and known != "int8" and not is_null(argument):
                    self._report.error(
                        "wrong-type", f"{known} takes no argument, got {describe(argument)}", argument.span
                    )
                return known, argument, key.span
        help = did_you_mean(key.text, settings.PRECISIONS) if key is not None else None
        message = f"`precision` is float32, float16 or {{int8: {{...}}}}, got {describe(node)}"
        self._report.error("wrong-value", message, node.span, help=help)
        return "float32", None, node.span

    def _tolerance(self, precision: Precision) -> Tolerance | None:
        node = self._section.get("tolerance")
        if node is None or is_null(node):
            return HALF if precision == "float16" else Tolerance()
        return self._bind(Tolerance, node, "`tolerance`")

    def _bind(self, model: type[M], node: Node, what: str) -> M | None:
        return bind(model, node, self._report, span=node.span, what=what)

    # What follows outputs

    def _after(self, parts: tuple[Part, ...]) -> dict[str, Chain]:
        types = _outputs(parts)
        found: dict[str, Chain] = {}
        for name, node in self._by_output("after", types):
            entries = [self._entry(item) for item in _items(node)]
            kept = tuple(entry for entry in entries if entry is not None)
            if not kept or len(kept) < len(entries):
                continue
            try:
                found[name.text] = chain(name.text, types[name.text], kept, self._class_axis(name.text))
            except OpError as error:
                self._report.error("bad-export", f"`{name.text}`: {error}", node.span, help=error.help)
        for each in found.values():
            for made in each.types:
                if made != each.output and made in types:
                    message = f"`{made}`, which `{each.output}` becomes, is the name of another output"
                    self._report.error("duplicate-name", message, self._section.key("after").span)
        return found

    def _entry(self, node: Node) -> After | None:
        key, argument = form.named(node)
        model = AFTER.get(key.text) if key is not None else None
        if key is None:
            message = f"what follows an output is a name, or one name with its arguments, got {describe(node)}"
            self._report.error("wrong-type", message, node.span)
        elif model is None:
            message = f"nothing that can follow an output is called `{key.text}`"
            self._report.error("unknown-key", message, key.span, help=did_you_mean(key.text, AFTER))
        else:
            return bind(model, argument, self._report, span=key.span, what=model.name, main=model.main)
        return None

    def _labels(self, parts: tuple[Part, ...], after: MappingOf[str, Chain]) -> dict[str, str]:
        types, vocabs = _outputs(parts), self._spec.document.vocabs
        found: dict[str, str] = {}
        for name, node in self._by_output("labels", types):
            word = form.scalar(node, f"the labels of `{name.text}`", self._report)
            if word is None:
                continue
            if word.text not in vocabs:
                help = did_you_mean(word.text, vocabs) or "`vocabs` of the spec has them, `vocabs: {words: [yes, no]}`"
                self._report.error("unknown-name", f"no vocabulary is called `{word.text}`", word.span, help=help)
                continue
            size, classes = vocabs[word.text].size, self._classes(name.text, types[name.text], after)
            if classes is None or classes != size:
                known = "no axis of classes of known size" if classes is None else f"{classes} classes"
                message = f"`{word.text}` has {size} entries, `{name.text}` has {known}"
                self._report.error("bad-export", message, word.span)
            found[name.text] = word.text
        return found

    def _classes(self, name: str, type: TensorType, after: MappingOf[str, Chain]) -> int | None:
        if name in after:
            return after[name].classes
        axis = self._class_axis(name) or type.rank
        size = type.shape[axis - 1] if type.rank else None
        return size if isinstance(size, int) else None

    def _class_axis(self, output: str) -> int | None:
        """The axis of the classes of an output, as a loss says it."""
        if self._trained is None:
            return None
        names = self._trained.output_names
        for term in self._trained.terms:
            if names.get(term.output) == output and term.alignment.class_axis is not None:
                return term.alignment.class_axis
        return None

    def _by_output(self, key: str, types: MappingOf[str, TensorType]) -> Iterator[tuple[Scalar, Node]]:
        section = form.mapping(self._section.get(key), f"`{key}`", self._report)
        for name, node in section or ():
            if name.text in types:
                yield name, node
            else:
                help = did_you_mean(name.text, types)
                self._report.error("unknown-name", f"no output is called `{name.text}`", name.span, help=help)

    # Sizes

    def _fixed(self, parts: tuple[Part, ...]) -> dict[str, int]:
        section = form.mapping(self._section.get("fixed"), "`fixed`", self._report)
        known = {each.name for part in parts for each in free_symbols(part.graph)} | {BATCH}
        found: dict[str, int] = {}
        for name, node in section or ():
            if name.text not in known:
                help = did_you_mean(name.text, known) or f"free are {', '.join(sorted(known))}"
                self._report.error("unknown-name", f"no axis is called `{name.text}`", name.span, help=help)
            elif isinstance(node, Scalar) and type(node.value) is int and 0 < node.value < 2**31:
                found[name.text] = node.value
            else:
                message = f"the size of `{name.text}` is a positive integer, got {describe(node)}"
                self._report.error("wrong-value", message, node.span)
        sizes = {name: size for name, size in found.items() if name != BATCH}
        if section is not None and sizes and not all(_takes(part, sizes) for part in parts):
            said = ", ".join(f"{name} = {size}" for name, size in sizes.items())
            self._report.error("bad-export", f"not every layer takes {said}", section.span)
        return found


def _takes(part: Part, sizes: MappingOf[str, int]) -> bool:
    names = {each.name for each in free_symbols(part.graph)}
    try:
        return bool(admissible(part.graph, {name: size for name, size in sizes.items() if name in names}))
    except DimError:  # no multiple of what the axis is a multiple of
        return False


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else (node,)


def _outputs(parts: tuple[Part, ...]) -> dict[str, TensorType]:
    return {
        name: value.type
        for part in parts
        for name, value in zip(part.graph.output_names, part.graph.outputs, strict=True)
    }
