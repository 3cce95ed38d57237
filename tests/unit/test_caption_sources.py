"""Where the words for pictures come from: files of other tools, file names, captioners; what the plan says of it."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import BlipConfig, BlipForConditionalGeneration

import tiny
from conftest import write_pictures
from impasto.captioning.caption import caption
from impasto.captioning.file_names import words_of
from impasto.captioning.fill import fill
from impasto.captioning.find_captioner import find_captioner
from impasto.captioning.known_words import knows_words
from impasto.captioning.local_captioner import LocalCaptioner
from impasto.captioning.options import CaptionOptions
from impasto.captioning.pocket_captioner import PocketCaptioner, on_background
from impasto.captioning.pocket_vocabulary import spoken, unknown_words, vocabulary
from impasto.cli.main import main
from impasto.core.errors import ConfigError, DataError
from impasto.core.events import Generated, Planned
from impasto.core.grammar import with_article
from impasto.data.captions import caption_of
from impasto.data.images import check_picture, read_picture
from impasto.data.packs import find_pack
from impasto.metrics.named_colour import BACKGROUND_COLOURS


@pytest.mark.parametrize(
    ("stem", "words"),
    [
        ("red-fox_02", "a red fox"),
        ("fox", "a fox"),
        ("oldWoman2", "an old woman"),
        ("house with garden", "a house with garden"),
        ("Fox (1)", "a fox"),
        ("cat_face final", "a cat face"),
        ("IMG_1234", None),
        ("DSC0001", None),
        ("PXL_20230101_123", None),
        ("01", None),
        ("f3a9c2", None),
        ("Untitled-2", None),
        ("zwx", None),
        ("apple123abc", None),
        ("", None),
        ("-_-", None),
    ],
)
def test_words_from_file_names(stem: str, words: str | None) -> None:
    assert words_of(stem, knows_words("pocket")) == words


def test_articles() -> None:
    told = ["fox", "owl", "a fox", "flowers", "glass", "octopus", "group of houses", "face with tears of joy"]
    assert [with_article(each) for each in told] == [
        *("a fox", "an owl", "a fox", "flowers", "a glass", "an octopus"),
        *("a group of houses", "a face with tears of joy"),
    ]


def test_bases_without_a_tokenizer_at_hand_know_any_word(tiny_folders: dict[str, Path]) -> None:
    assert knows_words("no/such/base")("zwx")
    assert not knows_words(str(tiny_folders["sd15"]))("fox")  # it has letters alone


def test_captions_of_other_tools(tmp_path: Path) -> None:
    (tmp_path / "fox.caption").write_text("a fox")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "owl.png", "text": "an owl"}\n\n{"file_name": "cat.png", "caption": "a cat"}\n'
        '{"file_name": "dog.png"}\n[]\n'
    )
    names = ("fox", "owl", "cat", "dog", "pig")
    assert [caption_of(tmp_path / f"{each}.png") for each in names] == ["a fox", "an owl", "a cat", None, None]
    (tmp_path / "fox.txt").write_text("a red fox")
    assert caption_of(tmp_path / "fox.png") == "a red fox"
    (tmp_path / "metadata.jsonl").write_text("{}\n{")
    with pytest.raises(DataError, match=r"metadata\.jsonl line 2 is not JSON"):
        caption_of(tmp_path / "owl.png")


def drawing(folder: Path, name: str, stem: str = "mushroom") -> Path:
    """Copy a drawing of a pack under another name."""
    folder.mkdir(exist_ok=True)
    picture = read_picture(find_pack("fluent-emoji-high-contrast").part("held_out") / f"{stem}.png").image
    picture.save(folder / name)
    return folder / name


def test_pockets_judge_names_most_drawings_in_styles_that_it_never_saw() -> None:
    paths = sorted(find_pack("fluent-emoji-high-contrast").part("style").glob("*.png"))
    told = PocketCaptioner().describe([read_picture(path).image for path in paths])
    right = sum(each.words == caption_of(path) for each, path in zip(told, paths, strict=True))
    assert right >= 15  # measured: 17 of 20
    assert all(0 < (each.sureness or 0) <= 1 for each in told)


def test_backgrounds_are_named_where_they_are_plain() -> None:
    assert on_background("a fox", Image.new("RGB", (64, 64), (46, 160, 87))) == "a fox on a green background"
    noise = Image.effect_noise((64, 64), 200).convert("RGB")
    assert on_background("a fox", noise) == "a fox"


def test_names_come_before_a_captioner_and_files_before_names(tmp_path: Path) -> None:
    pictures = [check_picture(drawing(tmp_path, name)) for name in ("red-fox.png", "01.png")]
    found = fill("style", pictures, "auto", "pocket", "cpu")
    assert found.words == {tmp_path / "red-fox.png": found.words[tmp_path / "red-fox.png"]}
    assert found.source == "from file names"
    assert found.words[tmp_path / "red-fox.png"].startswith("a red fox on a")
    assert "captions of 1 of 2 pictures are taken from file names: red-fox.png" in found.notes[0]
    written = fill("style", pictures, "base", "pocket", "cpu")
    assert written.source == "written by pocket's judge"
    assert all(words.startswith("a mushroom") for words in written.words.values())
    assert "least sure: " in written.notes[0]
    (tmp_path / "01.txt").write_text("an owl")
    assert fill("style", pictures, "auto", "pocket", "cpu").words == {tmp_path / "01.png": "an owl"}


def test_a_background_of_all_pictures_belongs_to_the_style(tmp_path: Path) -> None:
    """Captions that all name it would have it learnt as part of these words, and the style would lose it."""
    paths = [tmp_path / f"{name}.png" for name in ("cat", "dog", "fox", "owl")]
    for path in paths:
        Image.new("RGB", (64, 64), BACKGROUND_COLOURS["black"]).save(path)
    found = fill("style", [check_picture(path) for path in paths], "auto", "pocket", "cpu")
    assert list(found.words.values()) == ["a cat", "a dog", "a fox", "an owl"]
    assert "all of these pictures are on a black background, so it belongs to the style" in found.notes[1]
    few = fill("style", [check_picture(path) for path in paths[:3]], "auto", "pocket", "cpu")
    assert few.words[paths[0]] == "a cat on a black background"  # three may agree by chance
    Image.new("RGB", (64, 64), BACKGROUND_COLOURS["green"]).save(paths[0])
    found = fill("style", [check_picture(path) for path in paths], "auto", "pocket", "cpu")
    assert found.words[paths[0]] == "a cat on a green background"
    assert found.words[paths[1]] == "a dog on a black background"


def test_without_words_the_plan_warns_and_names_two_ways_out(tmp_path: Path, tiny_folders: dict[str, Path]) -> None:
    pictures = [check_picture(drawing(tmp_path, "01.png"))]
    found = fill("style", pictures, "auto", str(tiny_folders["sd15"]), "cpu")
    assert not found.words
    assert f"impasto caption {tmp_path}" in found.warning
    assert "name the files after what they show" in found.warning
    assert fill("style", pictures, "files", "pocket", "cpu").warning


def test_captions_are_written_and_never_over_others(tmp_path: Path) -> None:
    for name in ("01.png", "02.png", "03.png"):
        drawing(tmp_path, name)
    (tmp_path / "02.caption").write_text("an owl")
    plan, *written = caption(CaptionOptions(source=tmp_path))
    assert isinstance(plan, Planned)
    assert plan.notes == ("1 pictures have a caption, which stays",)
    assert sorted(each.path.name for each in written if isinstance(each, Generated)) == ["01.txt", "03.txt"]
    assert (caption_of(tmp_path / "01.png") or "").startswith("a mushroom on a")
    assert caption_of(tmp_path / "02.png") == "an owl"
    assert [type(each).__name__ for each in caption(CaptionOptions(source=tmp_path))] == ["Noted"]


def test_a_base_without_a_captioner_is_one_line(
    tmp_path: Path, tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    drawing(tmp_path, "01.png")
    assert main(["caption", str(tmp_path), "--base", str(tiny_folders["sd15"])]) == 2
    assert "no captioner is on this machine: name one with --captioner" in capsys.readouterr().err
    assert main(["caption", str(tmp_path), "--captioner", str(tiny_folders["sd15"])]) == 2
    assert "could not be loaded" in capsys.readouterr().err
    assert find_captioner(str(tiny_folders["sd15"]), torch.device("cpu")) is None


def test_a_captioner_of_transformers_describes(tmp_path: Path) -> None:
    tokenizer = tiny.tokenizer()
    tokenizer.save_pretrained(tmp_path)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = sizes | {"encoder_hidden_size": 16, "vocab_size": len(tokenizer), "bos_token_id": 512, "eos_token_id": 513}
    text |= {"sep_token_id": 513, "pad_token_id": 513}
    config = BlipConfig(vision_config=sizes | {"image_size": 32, "patch_size": 16}, text_config=text, projection_dim=16)
    tiny.seeded()
    BlipForConditionalGeneration(config).save_pretrained(tmp_path)
    captioner = LocalCaptioner(str(tmp_path), torch.device("cpu"), may_fetch=False)
    told = captioner.describe([Image.new("RGB", (40, 60), "red"), Image.new("RGB", (60, 40), "red")])
    assert len(told) == 2
    assert all(each.sureness is None and isinstance(each.words, str) for each in told)


def test_the_vocabulary_of_pocket_and_words_that_are_not_in_it() -> None:
    taught = vocabulary()
    assert {"fox", "group of houses"} <= set(taught["subjects"])
    assert len(taught["subjects"]) == 100
    assert "noto style" in taught["artists"]
    assert "bold outlines" in taught["styles"]
    assert spoken("houses") == "group of houses"
    assert unknown_words("a bicycle on a green background, zwx style", taught, "zwx style") == ["bicycle"]
    assert unknown_words("an owl, noto style, thick red outlines", taught) == []


def test_folders_of_random_pictures_say_nothing(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    assert fill(
        "style", [check_picture(each) for each in sorted(tmp_path.glob("*.png"))], "names", "pocket", "cpu"
    ).warning


def test_caption_refuses_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(caption(CaptionOptions(source=tmp_path / "none")))
    (tmp_path / "01.txt").write_bytes(b"\xff")
    drawing(tmp_path, "01.png")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        list(caption(CaptionOptions(source=tmp_path)))


def test_no_captioner_no_guess(tmp_path: Path) -> None:
    drawing(tmp_path, "01.png")
    with pytest.raises(ConfigError, match="no captioner"):
        list(caption(CaptionOptions(source=tmp_path, base=str(tmp_path))))
