"""Help: every option of every command stands in one group, and the ones that people use first come first."""

import re

import pytest

from command_models import heads, is_positional, model_of
from impasto.cli.help import ALL, SHORT
from impasto.cli.main import main
from impasto.core.config import Config
from impasto.core.option_groups import Group, grouped, noted_in
from impasto.core.plugins import plugin_names
from impasto.registry.controls import find_control
from impasto.registry.methods import find_method

HEADS = list(heads())
MANY = [("train", "styleforge"), ("generate",), ("stylize",), ("transfer",), ("mix",)]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    return capsys.readouterr().out


def listed(told: str) -> list[str]:
    """Return the options in a help text, in order, as fields are called."""
    found = re.findall(r"^  (?:--([a-z0-9-]+)|([A-Z-]+)$)", told, re.MULTILINE)
    return [(flag or positional.lower()).replace("-", "_") for flag, positional in found]


@pytest.mark.parametrize("head", HEADS, ids=" ".join)
def test_all_help_lists_every_option_once_below_a_heading(
    head: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    told = printed(capsys, *head, ALL)
    model = model_of(head)
    assert sorted(listed(told)) == sorted(model.model_fields)
    headings = re.findall(r"^([a-z ]+):$", told, re.MULTILINE)
    assert headings == [group for group in Group if group in headings]
    first_heading = told.index(f"\n{headings[0]}:\n") if headings else len(told)
    assert not listed(told[:first_heading])


@pytest.mark.parametrize("head", HEADS, ids=" ".join)
def test_every_option_but_those_of_plug_ins_names_its_group(head: tuple[str, ...]) -> None:
    own: set[str] = set()
    if head[0] == "train":
        own = set(find_method(head[1]).Config.model_fields)
    elif head[0] == "transfer" and head[-1] in plugin_names("impasto.controls"):
        found = find_control(head[-1])
        own = {found.flags.get(name, name) for name in found.Config.model_fields}
    model = model_of(head)
    assert [name for name in model.model_fields if name not in own and noted_in(model, name) is None] == []


@pytest.mark.parametrize("head", MANY, ids=" ".join)
def test_short_help_lists_few_options_all_required_ones_among_them(
    head: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown, model = listed(printed(capsys, *head, SHORT)), model_of(head)
    assert len(shown) <= 15 < len(model.model_fields)
    assert {name for name, field in model.model_fields.items() if field.is_required()} <= set(shown)
    assert shown == listed(printed(capsys, *head, "-h"))


def test_help_says_what_a_value_is_and_where_options_stand(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "train", "styleforge", ALL)
    assert "\n  --aux {folder,generate,none}\n" in told
    assert "\n  --resume, --no-resume\n" in told
    assert told.index("\nlearning:") < told.index("\n  --learning-rate FLOAT\n") < told.index("\ndrawing:")
    assert told.index("\nmachine:") < told.index("\n  --device TEXT\n") < told.index("\nrun:")
    source = model_of(("extract",)).model_fields["source"]
    assert is_positional(source)
    assert "\n  SOURCE\n" in printed(capsys, "extract", SHORT)


def test_an_option_stands_in_one_group_alone() -> None:
    class Options(Config):
        size: int = 1

    with pytest.raises(TypeError, match=r"Options\.colour is unknown"):
        grouped(run="colour")(Options)
    with pytest.raises(TypeError, match=r"Options\.size .* two groups"):
        grouped(run="size", machine="size")(Options)
