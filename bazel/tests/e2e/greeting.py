"""A module with a data file beside it."""

import pathlib


def text() -> str:
    return pathlib.Path(__file__).with_name("greeting.txt").read_text().strip()
