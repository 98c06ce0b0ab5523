"""Specs made of specs: `extends`, `use`, `--set`, and the sections whose expressions see arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.compiler import Spec, compile_source
from netspec.compiler.analyses import totals
from netspec.diagnostics import Diagnostic, NetspecError, Source, SpecError
from netspec.lang.nodes import plain

BASE = """netspec: 1
name: base
args: {width: {type: int, default: 4, min: 1, max: 64}, classes: 10}
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: "=1/(width*64)"}]}
layers:
  - flatten
  - {name: hidden, linear: =width}
  - relu
  - {name: fc, linear: =classes}
expect: {params: 198}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def compiled(folder: Path, text: str, *settings: str) -> Spec:
    path = folder / "net.yaml"
    path.write_text(text)
    return compile_source(Source(str(path), text), settings=settings)


def mistakes(folder: Path, text: str, *settings: str) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        compiled(folder, text, *settings)
    return list(caught.value.diagnostics)


def test_extends_replaces_defaults_and_keeps_the_rest(folder: Path) -> None:
    spec = compiled(folder, "netspec: 1\nextends: base.yaml\nargs: {width: 8}\nexpect: {params: 386}\n")
    assert spec.name == "net"
    # 36*8 + 8 + 8*10 + 10, by hand.
    assert totals(spec.graph).num_params == 386


def test_a_default_that_is_replaced_keeps_its_type_and_bounds(folder: Path) -> None:
    (found,) = mistakes(folder, "netspec: 1\nextends: base.yaml\nargs: {width: 65}\n")
    assert found.code == "wrong-value" and "at most 64" in found.message
    assert found.span is not None and (found.span.source.name.endswith("net.yaml"), found.span.line) == (True, 3)


def test_another_key_replaces_that_one_whole(folder: Path) -> None:
    spec = compiled(folder, "netspec: 1\nextends: base.yaml\nlayers: [flatten, {name: only, linear: 2}]\n")
    assert [node.path for node in spec.graph.walk()] == ["0", "only"]


def test_extends_in_a_circle_shows_every_edge(folder: Path) -> None:
    (folder / "a.yaml").write_text("netspec: 1\nextends: b.yaml\n")
    (folder / "b.yaml").write_text("netspec: 1\nextends: a.yaml\n")
    (found,) = mistakes(folder, "netspec: 1\nextends: a.yaml\n")
    assert found.code == "cycle"
    assert len([label for label in found.labels if label.span is not None]) >= 2


@pytest.mark.parametrize("name", ["../outside.yaml", "link.yaml", "/etc/hostname"])
def test_no_path_leads_out_of_the_project(folder: Path, name: str) -> None:
    (folder.parent / "outside.yaml").write_text(BASE)
    (folder / "link.yaml").symlink_to(folder.parent / "outside.yaml")
    (found,) = mistakes(folder, f"netspec: 1\nextends: {name}\n")
    assert found.code == "unreadable" and "outside of the project" in found.message


def test_a_setting_is_typed_and_checked_like_the_file(folder: Path) -> None:
    text = "netspec: 1\nextends: base.yaml\n"
    assert totals(compiled(folder, text, "width=16").graph).num_params == 36 * 16 + 16 + 16 * 10 + 10
    (found,) = mistakes(folder, text, "width=many")
    assert found.code == "wrong-type" and found.span is not None and found.span.source.name == "--set width"
    (found,) = mistakes(folder, text, "widht=3")
    assert found.code == "unknown-key" and found.help == "did you mean `width`?"
    with pytest.raises(NetspecError) as caught:
        compiled(folder, text, "width")
    assert caught.value.diagnostics[0].code == "bad-setting"


def test_a_setting_reaches_a_key_by_its_dotted_path(folder: Path) -> None:
    spec = compiled(folder, "netspec: 1\nextends: base.yaml\ntrain: {epochs: 3}\n", "train.epochs=7", "train.seed=1")
    assert spec.document.train is not None and plain(spec.document.train) == {"epochs": 7, "seed": 1}


@pytest.mark.parametrize(
    ("setting", "name"), [("layers.2.linear=20", "layers"), ("train.metrics.0=loss", "metrics"), ("sizes.0=1", "sizes")]
)
def test_a_setting_does_not_reach_into_lists(folder: Path, setting: str, name: str) -> None:
    text = "netspec: 1\nargs: {sizes: [3]}\ninputs: {x: [3]}\nlayers: [relu]\ntrain: {metrics: [accuracy]}\n"
    (found,) = mistakes(folder, text, setting)
    assert found.message == f"`{name}` is a list: a setting reaches keys, not the entries of lists"
    assert found.help == f"set `{name}` whole, or make what is to be set an argument of the spec"


def test_expressions_of_other_sections_see_arguments(folder: Path) -> None:
    text = 'netspec: 1\nextends: base.yaml\ntrain: {optimizer: {sgd: {lr: "=0.1*width"}}, betas: "=[width, 2]"}\n'
    spec = compiled(folder, text, "width=5")
    assert spec.document.train is not None
    assert plain(spec.document.train) == {"optimizer": {"sgd": {"lr": 0.5}}, "betas": [5, 2]}


def test_a_used_spec_brings_its_preprocessing_with_its_own_arguments(folder: Path) -> None:
    text = "netspec: 1\ninputs: {picture: [1, 6, 6]}\nlayers: [{name: net, use: base.yaml, args: {width: 2}}]\n"
    spec = compiled(folder, text)
    decl = spec.document.inputs["picture"]
    assert decl is not None and decl.preprocess is not None
    assert plain(decl.preprocess) == [{"scale": 1 / 128}]
    own = text.replace("[1, 6, 6]}\nlayers", "{shape: [1, 6, 6], preprocess: [{scale: 2}]}}\nlayers")
    decl = compiled(folder, own).document.inputs["picture"]
    assert decl is not None and decl.preprocess is not None and plain(decl.preprocess) == [{"scale": 2}]


def test_until_keeps_what_is_needed_and_its_parameters_only(folder: Path) -> None:
    text = (
        "netspec: 1\ninputs: {picture: [1, 6, 6]}\nlayers: [{name: net, use: base.yaml, until: hidden}, {linear: 3}]\n"
    )
    spec = compiled(folder, text)
    assert [node.path for node in spec.graph.walk()] == ["net.0", "net.hidden", "1"]
    assert totals(spec.graph).num_params == 37 * 4 + 5 * 3


def test_a_used_spec_reads_what_its_inputs_are(folder: Path) -> None:
    (found,) = mistakes(folder, "netspec: 1\ninputs: {picture: [1, 6, 7]}\nlayers: [{use: base.yaml}]\n")
    assert found.code == "shape-mismatch" and "[1, 6, 6], got [1, 6, 7]" in found.message


def test_a_spec_that_uses_itself(folder: Path) -> None:
    (found,) = mistakes(folder, "netspec: 1\ninputs: {x: [3]}\nlayers: [{use: net.yaml}]\n")
    assert found.code == "cycle"


def test_defaults_of_a_used_spec_see_its_vocabularies(folder: Path) -> None:
    used = "netspec: 1\nvocabs: {words: [a, b, c]}\nargs: {n: =words*2}\ninputs: {x: [8]}\nlayers: [{linear: =n}]\n"
    (folder / "used.yaml").write_text(used)
    spec = compiled(folder, "netspec: 1\ninputs: {x: [8]}\nlayers: [{name: net, use: used.yaml}]\n")
    assert spec.graph.outputs[0].type.shape == (6,)
