"""The gallery has a picture of everything, and what it draws is so."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native

pytest.importorskip("matplotlib", reason="the gallery draws with matplotlib")

from PIL import Image

from npfuse.gallery import accuracy, collection, main, races, style, surfaces, tracks
from table import ACTIVATIONS, GATED, LOSSES, ROWS

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
NAMES = {picture.name for picture in collection.pictures()}
FEW = ["gelu.png", "swiglu", "softmax.png", "maxout", "huber_loss", "losses/outlier", "bowl"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pictures of each kind, small."""
    directory = tmp_path_factory.mktemp("pictures") / "gallery"
    assert main(["--out", str(directory), "--only", *FEW, "--dpi", "30"]) == 0
    return directory


def test_every_operation_has_a_picture() -> None:
    """What the table and the package list, which the gallery does not read."""
    activations = {row.name for row in (*ACTIVATIONS, *GATED, *ROWS)} | {"maxout"}
    losses = {row.name for row in LOSSES} | {"softmax_cross_entropy", "nll_loss"}
    of_one_input = {row.name for row in ACTIVATIONS}
    expected = {
        *(f"activations/{name}.png" for name in activations),
        *(f"accuracy/{name}.png" for name in of_one_input),
        *(f"losses/{name}.png" for name in losses),
    }
    assert not expected - NAMES
    derivable = {name for name in nf.__all__ if f"{name}_backward" in nf.__all__}
    assert derivable - {"bias_act", "glu"} == activations


@pytest.mark.slow
def test_every_picture_is_drawn(tmp_path: Path) -> None:
    directory = tmp_path / "gallery"
    assert main(["--out", str(directory), "--dpi", "20"]) == 0
    assert {path.relative_to(directory).as_posix() for path in directory.rglob("*.*")} == NAMES | {"index.html"}


def test_every_optimizer_races() -> None:
    classes = {name for name in nf.optimizers.__all__ if name[0].isupper()} - {"Optimizer"}
    assert {type(racer([np.zeros(1)])).__name__ for racer in races.racers().values()} == classes


def test_pictures_are_whole(gallery: Path) -> None:
    drawn = sorted(path for path in gallery.rglob("*.*") if path.suffix != ".html")
    assert len(drawn) == len([name for name in NAMES if any(word in name for word in FEW)])
    for path in drawn:
        with Image.open(path) as image:
            image.load()
            assert min(image.size) >= 60
            assert len(image.convert("RGB").getcolors(1 << 20)) > 20, f"{path} is all but blank"


def test_the_animation_moves_and_ends_as_the_race_does(gallery: Path) -> None:
    with Image.open(gallery / "optimizers" / "bowl.gif") as image:
        assert image.n_frames == tracks.FRAMES
        first = np.asarray(image.convert("RGB")).astype(int)
        image.seek(image.n_frames - 1)
        last = np.asarray(image.convert("RGB")).astype(int)
    coloured = [np.ptp(frame, axis=2) > 60 for frame in (first, last)]
    assert coloured[1].sum() > 2 * coloured[0].sum()


def test_the_page_shows_what_was_drawn(gallery: Path) -> None:
    page = (gallery / "index.html").read_text(encoding="utf-8")
    for path in gallery.rglob("*.png"):
        assert f'<img src="{path.relative_to(gallery).as_posix()}"' in page
    assert "relu6.png" not in page


def test_the_documentation_shows_what_its_command_draws() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(pictures/(.+?)\)", page))
    words = re.search(r"--only ([a-z].+?)```", page, flags=re.DOTALL)[1].replace("\\\n", " ").split()
    present = {path.relative_to(PICTURES).as_posix() for path in PICTURES.rglob("*.*") if path.suffix != ".html"}
    assert shown == present == {name for name in NAMES if any(word in name for word in words)}
    assert sum(path.stat().st_size for path in PICTURES.rglob("*.*")) < 1_500_000


@pytest.mark.parametrize("name", _native.operations["activations"])
def test_drawn_errors_are_within_the_bound(name: str) -> None:
    x, ours, numpys = accuracy.measured(name, "function")
    assert ours.max() < 1.1
    assert x.min() < -900
    assert x.max() > 900
    if name in ("silu", "gelu", "mish", "tanh_shrink"):
        assert numpys.max() > 30


def test_an_ulp_is_the_distance_to_the_next_number() -> None:
    truth = np.array([1.0, 1.0, 2.0**-149, 0.0, 1.0])
    result = np.array([1 + 2**-23, 1 - 2**-24, 0.0, 0.0, np.nan], np.float32)
    assert accuracy.error_in_ulp(result, truth).tolist() == [1.0, 0.5, 1.0, 0.0, np.inf]


def test_curves_have_gaps_where_they_jump_and_only_there() -> None:
    axes = style.new_figure(2, 2).add_subplot()
    x = np.linspace(-2, 2, 401)
    style.draw_curve(axes, x, np.tanh(5 * x))
    style.draw_curve(axes, x, np.sign(x + 0.005))
    steep, jumping = (line.get_ydata() for line in axes.get_lines())
    assert not np.isnan(steep).any()
    assert np.isnan(jumping).sum() == 1


@pytest.mark.parametrize("surface", surfaces.SURFACES, ids=lambda surface: surface.name)
def test_surfaces_have_their_slopes_and_minima(surface: surfaces.Surface) -> None:
    x, y = np.random.default_rng(0).uniform(-1.5, 1.5, (2, 50))
    step = 1e-6
    by_x = (surface.height(x + step, y) - surface.height(x - step, y)) / (2 * step)
    by_y = (surface.height(x, y + step) - surface.height(x, y - step)) / (2 * step)
    np.testing.assert_allclose(surface.slope(x, y), (by_x, by_y), rtol=1e-6, atol=1e-6)
    for minimum in surface.minima:
        assert surface.height(*map(np.array, minimum)) == pytest.approx(surface.lowest)
        np.testing.assert_allclose(surface.slope(*map(np.array, minimum)), 0, atol=1e-12)
    assert surface.grid(101)[2].min() >= surface.lowest
    assert surface.shows(*map(np.array, surface.start))


def test_a_run_is_what_the_optimizer_does_with_that_learning_rate() -> None:
    bowl = next(surface for surface in surfaces.SURFACES if surface.name == "bowl")
    run = next(run for run in races.race(bowl) if run.name == "Adam")
    position = np.array(bowl.start)
    optimizer = nf.Adam([position], lr=run.lr)
    for expected in run.path:
        assert position.tolist() == expected.tolist()
        optimizer.step([np.array(bowl.slope(*position))])
    assert bowl.shows(*run.path.T).all()
    assert run.gap[-1] < run.gap[0] / 1e4


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--out", __file__], "--out"),
        (["--out", f"{__file__}/below"], "--out"),
        (["--out", "{empty}", "--dpi", "1"], "--dpi"),
        ([], "--out"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([argument.replace("{empty}", str(tmp_path)) for argument in arguments])
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


def test_an_unknown_word_is_answered_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"activations/gelu\.png"):
        main(["--out", str(tmp_path), "--only", "no_such_picture"])


def test_without_matplotlib_one_line_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['matplotlib'] = None; from npfuse.gallery import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "npfuse[demo]" in run.stderr


def test_the_command_is_there() -> None:
    command = [sys.executable, "-m", "npfuse", "gallery", "--help"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(option in run.stdout for option in ("--out", "--only", "--dpi"))
