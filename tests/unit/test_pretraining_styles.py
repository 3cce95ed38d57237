"""Styles on vectors: one contract for every kind, and what each kind promises."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pretraining.data import render as renderer
from pretraining.data.compose import on_colour
from pretraining.data.drawing import SIDE, drawing_by
from pretraining.data.fetch import DOWNLOADS
from pretraining.data.render import Rendered, is_jagged, rasterise, render
from pretraining.data.sets import TRAINED
from pretraining.data.styles import AT_MOST, STYLE_VALUES, Style, allowed, load_kinds, sample_style
from pretraining.data.styles.gradient import flattened
from pretraining.data.subjects import V0
from tests.small_drawings import small_drawing

NEEDED = {
    "outline_colour": {"outline_width": "bold"},
    "outline_width": {"outline_colour": "black"},
    "fill": {"outline_colour": "black", "outline_width": "thin"},
}
ALL = [(name, value) for name, values in STYLE_VALUES.items() for value in values[1:]]
TEAL = (22, 160, 150)


def style_with(name: str, value: str) -> Style:
    return allowed({**NEEDED.get(name, {}), name: value})


def shown(rendered: Rendered, seed: int = 0) -> NDArray[np.int64]:
    picture = rendered.style.finish(on_colour(rendered.picture, TEAL), np.random.default_rng(seed))
    return picture.astype(np.int64)


def difference(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    return float(np.abs(one - other).mean())


def test_kinds_are_the_files_and_every_field_begins_with_the_artists_own() -> None:
    folder = Path("pretraining/data/styles")
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert set(load_kinds()) == files
    fields = [name for kind in load_kinds().values() for name in kind.VALUES]
    assert len(set(fields)) == len(fields)
    assert list(STYLE_VALUES) == fields
    assert all(values[0] == "" and len(set(values)) == len(values) > 1 for values in STYLE_VALUES.values())
    assert all({*kind.NEEDS, *kind.BARS} <= set(fields) for kind in load_kinds().values())


@pytest.mark.parametrize(("name", "value"), ALL, ids=lambda each: str(each))
def test_words_name_the_value(name: str, value: str) -> None:
    words = style_with(name, value).words
    assert (value in words) != (value == "medium")  # the medium width is not said
    others = [other for field, other in ALL if field == name and other not in value and value not in other]
    assert not any(re.search(rf"\b{other}\b", words) for other in others if other != "black" or name == "palette")


@pytest.mark.parametrize(("name", "value"), ALL, ids=lambda each: str(each))
def test_style_repeats_itself_and_can_be_seen(name: str, value: str) -> None:
    wanted, drawing = style_with(name, value), small_drawing("glossy")
    once, again = (render(drawing, wanted, np.random.default_rng(3)) for _ in range(2))
    assert once.style == wanted
    assert np.array_equal(once.picture, again.picture)
    assert difference(shown(once), shown(render(drawing, Style(), np.random.default_rng(3)))) > 0.7


@pytest.mark.parametrize("name", [name for name in STYLE_VALUES if name != "gradient"])
def test_values_of_a_kind_look_different(name: str) -> None:
    wanted = [style_with(name, value) for value in STYLE_VALUES[name][1:]]
    made = [render(small_drawing("flat"), style, np.random.default_rng(3)) for style in wanted]
    pictures = [shown(each) for each, style in zip(made, wanted, strict=True) if each.style == style]
    assert len(pictures) >= len(wanted) - 2  # its colours are vivid already
    assert all(difference(one, other) > 0.3 for one, other in itertools.combinations(pictures, 2))


@pytest.mark.parametrize("drawing", ["flat", "glossy", "ink"])
def test_sampled_styles_render_with_the_words_of_what_is_in_them(drawing: str) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        wanted = sample_style(rng, plain=0)
        made = render(small_drawing(drawing), wanted, rng)
        assert made.picture.shape == (128, 128, 4)
        assert set(made.style.values.items()) <= set(wanted.values.items())
        assert bool(made.style.words) == bool(made.style.values)


@pytest.mark.skipif(not DOWNLOADS.exists(), reason="the drawings are not here: pretraining.data.fetch brings them")
def test_every_drawing_bears_a_style() -> None:
    drawn = [made for artist in TRAINED for slug in V0 if (made := drawing_by(artist.name, slug))]
    assert len(drawn) > 690
    for number, drawing in enumerate(drawn):
        made = render(drawing, style_with(*ALL[number % len(ALL)]), np.random.default_rng(number))
        assert made.picture[..., 3].max() > 200, number


def test_shares_of_sampled_styles() -> None:
    styles = [sample_style(np.random.default_rng(seed)) for seed in range(1500)]
    assert np.mean([not style.values for style in styles]) == pytest.approx(0.38, abs=0.05)
    assert max(len(style.kinds) for style in styles) <= AT_MOST
    seen = {item for style in styles for item in style.values.items()}
    assert seen >= {item for item in ALL if item[0] != "palette"}
    assert sample_style(np.random.default_rng(4), plain=1) == Style()


def test_kinds_keep_out_of_each_others_way() -> None:
    for seed in range(400):
        values = sample_style(np.random.default_rng(seed), plain=0).values
        assert ("outline_colour" in values) == ("outline_width" in values)
        assert "fill" not in values or ("outline_colour" in values and "palette" not in values)
        assert not {"texture", "wobble"} <= set(values)
    assert allowed({"fill": "no fill"}) == Style()


def test_words_come_in_the_order_of_the_values() -> None:
    values = {"outline_colour": "dark blue", "outline_width": "bold"}
    assert Style({**values, "palette": "pastel colours"}).words == "bold dark blue outlines, pastel colours"
    assert Style({"palette": "pastel colours", **values}).words == "pastel colours, bold dark blue outlines"
    assert Style({"outline_colour": "red", "outline_width": "medium"}).words == "red outlines"
    assert Style().words == ""


def test_unknown_values_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown field of a style 'hue'; known: palette"):
        Style({"hue": "red"})
    with pytest.raises(ValueError, match="wobble cannot be 'much'; allowed: wobbly, very wobbly"):
        Style({"wobble": "much"})


def test_what_cannot_be_seen_is_left_out_with_its_words() -> None:
    ink, flat = small_drawing("ink"), small_drawing("flat")
    outlined = Style({"outline_colour": "black", "outline_width": "bold", "fill": "no fill", "wobble": "wobbly"})
    assert outlined.fitted(ink).words == "wobbly"
    assert Style({"palette": "grey tones"}).fitted(ink) == Style()
    assert Style({"gradient": "flat colours"}).fitted(flat) == Style()
    assert allowed({"outline_colour": "white", "outline_width": "thin", "fill": "no fill"}).fitted(flat).words == (
        "thin white outlines"
    )


def test_outlines_are_not_cut_off_and_grow_with_their_width() -> None:
    covered = []
    for width in STYLE_VALUES["outline_width"][1:]:
        style = Style({"outline_colour": "red", "outline_width": width})
        for seed in range(6):
            picture = render(small_drawing("flat"), style, np.random.default_rng(seed)).picture
            red = (np.abs(picture[..., :3].astype(int) - (191, 26, 31)).max(axis=2) < 12) & (picture[..., 3] > 200)
            rows, columns = np.nonzero(red.any(axis=1))[0], np.nonzero(red.any(axis=0))[0]
            assert min(rows[0], columns[0]) > 0
            assert max(rows[-1], columns[-1]) < 127
        covered.append(int(red.sum()))
    assert covered == sorted(set(covered))


def test_gradients_are_averaged_and_lights_hidden() -> None:
    between = '<linearGradient id="a"><stop stop-color="#ff0000"/><stop stop-color="#0000ff"/></linearGradient>'
    assert flattened(between).count("#800080") == 2
    body = Style({"gradient": "flat colours"}).apply(small_drawing("glossy"), np.random.default_rng(0)).body
    assert 'fill="url(#fade)" d="M4 16h24v12H4z" display="none"' in body
    assert "filter=" not in body


def test_inner_shades_take_the_palette() -> None:
    grey = Style({"palette": "grey tones"}).apply(small_drawing("glossy"), np.random.default_rng(0)).body
    tones = re.search(r"0 0 0 0 (\S+) 0 0 0 0 (\S+) 0 0 0 0 (\S+) 0 0 0 1", grey)
    assert tones is not None
    assert len(set(tones.groups())) == 1
    assert 'values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 127 0"' in grey


def test_ink_of_textures_is_seen_on_dark_drawings() -> None:
    style = Style({"texture": "hatching"})
    dark, light = (render(small_drawing(name), style, np.random.default_rng(1)).picture for name in ("ink", "flat"))
    assert dark[dark[..., 3] > 200][:, :3].max() > 150
    assert light[light[..., 3] > 200][:, :3].min() < 60


def test_jagged_styles_are_rendered_twice_as_large() -> None:
    assert is_jagged(small_drawing("flat"), Style({"wobble": "wobbly"}))
    outlined = Style({"outline_colour": "red", "outline_width": "thin"})
    assert is_jagged(small_drawing("glossy"), outlined)
    assert not is_jagged(small_drawing("flat"), outlined)


class PanicException(BaseException):
    """What the renderer raises, by name."""


def test_panics_try_another_view_and_then_drop_the_kind_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    views: list[str] = []

    def panicking(document: str, size: int) -> NDArray[np.uint8] | None:
        views.append(document)
        return None if 'filter="url(#wobble)"' in document else rasterise(document, size)

    monkeypatch.setattr(renderer, "rasterise", panicking)
    wanted = Style({"wobble": "wobbly", "palette": "pastel colours"})
    made = render(small_drawing("flat"), wanted, np.random.default_rng(0))
    assert made.style.words == "pastel colours"
    assert len({re.search('viewBox="[^"]*"', view)[0] for view in views}) == renderer.TRIES + 1
    monkeypatch.setattr(renderer, "rasterise", lambda *_: None)
    with pytest.raises(ValueError, match="cannot be rendered in any size"):
        render(small_drawing("flat"), wanted, np.random.default_rng(0))


def test_only_panics_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        rasterise("no picture", SIDE)

    def panic(**_: object) -> bytes:
        raise PanicException

    monkeypatch.setattr("resvg_py.svg_to_bytes", panic)
    assert rasterise("<svg/>", SIDE) is None
