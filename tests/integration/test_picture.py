# SPDX-License-Identifier: GPL-2.0-or-later
"""The picture that the README begins with: it is what a session shows, and any page can show it."""

import pathlib
import xml.etree.ElementTree

import pytest

import attaching
from conftest import ok, run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PICTURE = PROJECT / "docs" / "session.svg"
SVG = "{http://www.w3.org/2000/svg}"
# What fits into the picture, in a font whose characters are 0.6 times as wide as high.
COLUMNS = 90


def test_it_is_what_a_session_shows(tmp_path):
    if attaching.is_refused():
        pytest.skip("on this kernel, the file attached also says what could not be looked at")
    ok(PROJECT / "tests" / "picture", tmp_path / "session.svg")
    assert (tmp_path / "session.svg").read_text(encoding="utf-8") == PICTURE.read_text(encoding="utf-8")


@pytest.mark.files
def test_it_needs_nothing_else():
    tree = xml.etree.ElementTree.fromstring(PICTURE.read_text(encoding="utf-8"))
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} == {
        "svg", "title", "desc", "style", "rect", "text", "tspan"}
    assert not [name for element in tree.iter() for name in element.attrib if "href" in name or name.startswith("on")]
    assert not [word for word in ("url(", "@import") if word in tree.find(f"{SVG}style").text]
    # For those who can't see it.
    assert tree.attrib["aria-labelledby"].split() == [tree.find(SVG + name).attrib["id"] for name in ("title", "desc")]
    assert all(tree.find(SVG + name).text for name in ("title", "desc"))
    lines = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert lines[0] == "# mount -t bpfmetafs bpf /bpfmeta" and lines[-1].endswith("umount /bpfmeta")
    assert max(map(len, lines)) <= COLUMNS
    assert PICTURE.stat().st_size < 10000


@pytest.mark.files
def test_its_script_says_how_it_is_used():
    assert "tests/picture [FILE]" in run(PROJECT / "tests" / "picture", "--help").stdout
