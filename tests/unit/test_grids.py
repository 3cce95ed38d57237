"""Labelled tables: every picture whole, and no empty margin."""

import numpy as np
from PIL import Image

from impasto.reporting.grids import labelled_table

RED, BLUE = Image.new("RGB", (40, 30), (255, 0, 0)), Image.new("RGB", (40, 30), (0, 0, 255))


def test_a_margin_for_labels_where_there_are_labels() -> None:
    with_label, without = (labelled_table(["one", "two"], [(label, [RED, BLUE])]) for label in ("seed 1", ""))
    assert with_label.width > without.width
    for sheet in (with_label, without):
        pixels = np.asarray(sheet)
        for colour in (RED, BLUE):
            assert (pixels == np.asarray(colour)[0, 0]).all(axis=-1).sum() == 40 * 30
    assert without.width < 2 * 40 + 30
