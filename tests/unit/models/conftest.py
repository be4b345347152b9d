"""Samples: what the documents show, every field of every model, and oddities seen in the wild."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def sample():
    """Read one sample's bytes by the name of its case."""
    return lambda case: (SAMPLES / case / "body.json").read_bytes()
