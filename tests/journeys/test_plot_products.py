"""The pictures of the documentation are drawn from downloaded products by an example that anyone can run."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest

from mock_server import Simulator

pytest.importorskip("matplotlib")
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "plot_products.py"


def test_the_example_draws_three_pictures_from_what_it_downloads(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("plot_products", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with Simulator() as simulator, simulator.intercept():
        monkeypatch.setattr(time, "sleep", simulator.clock.advance)
        example.main(tmp_path / "out")
    assert capsys.readouterr().out.split() == ["image.png", "light_curve.png", "spectrum.png"]
    for name in ("light_curve.png", "spectrum.png", "image.png"):
        picture = example.plt.imread(tmp_path / "out" / name)
        colours = picture[..., :3].reshape(-1, 3)[::7]
        assert min(picture.shape[:2]) > 390
        assert len(set(map(tuple, colours.tolist()))) > 50, f"{name} shows next to nothing"
