"""What an optimizer keeps: groups of parameters, learning rates, states that can be saved and loaded."""

import copy
import pickle

import numpy as np
import pytest

import npfuse as nf
from table import OPTIMIZERS

row_by_row = pytest.mark.parametrize("row", OPTIMIZERS, ids=str)


def problem(seed=0):
    rng = np.random.default_rng(seed)
    params = [rng.standard_normal((5, 7)).astype(np.float32), rng.standard_normal(33)]
    grads = [[rng.standard_normal(p.shape).astype(p.dtype) for p in params] for _ in range(8)]
    return params, grads


def all_bytes(optimizer):
    arrays = [*optimizer.params, *optimizer.state_dict().values()]
    return [array.tobytes() for array in arrays]


def through_npz(state, tmp_path):
    np.savez(tmp_path / "state.npz", **state)
    return np.load(tmp_path / "state.npz")


def through_safetensors(state, tmp_path):
    save = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    save.save_file(state, tmp_path / "state.safetensors")
    return save.load_file(tmp_path / "state.safetensors")


@row_by_row
@pytest.mark.parametrize("way", [lambda state, tmp_path: state, through_npz, through_safetensors])
def test_resuming_is_never_having_stopped(row, way, tmp_path):
    params, grads = problem()
    through = row.cls([p.copy() for p in params], **row.options)
    first = row.cls([p.copy() for p in params], **row.options)
    for g in grads[:4]:
        through.step(g)
        first.step(g)
    second = row.cls([p.copy() for p in first.params], **{**row.options, "lr": 123.0})
    second.load_state_dict(way(first.state_dict(), tmp_path))
    for g in grads[4:]:
        through.step(g)
        second.step(g)
    assert all_bytes(through) == all_bytes(second)


@row_by_row
@pytest.mark.parametrize("way", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])
def test_copies_go_their_own_way(row, way):
    params, grads = problem()
    optimizer = row.cls(params, **row.options)
    optimizer.step(grads[0])
    before = all_bytes(optimizer)
    other = way(optimizer)
    other.step(grads[1])
    assert all_bytes(optimizer) == before
    optimizer.step(grads[1])
    assert all_bytes(optimizer) == all_bytes(other)


def test_deep_copy_keeps_what_belongs_together():
    params, grads = problem()
    model = {"weights": params, "optimizer": nf.Adam(params)}
    other = copy.deepcopy(model)
    other["optimizer"].step(grads[0])
    assert other["weights"][0] is other["optimizer"].params[0]
    assert (other["weights"][0] != params[0]).any()


@row_by_row
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state, key: state.pop(key), KeyError, "lacks"),
        (lambda state, key: state.update(more=np.zeros(1)), KeyError, "more, which is unknown"),
        (lambda state, key: state.update({key: np.zeros(3)}), ValueError, "must be of shape"),
        (lambda state, key: state.update({key: state[key].astype(complex)}), TypeError, "must be of"),
        (lambda state, key: state.update({key: np.array(-1.0)}), ValueError, "lr must be at least 0"),
    ],
)
def test_bad_state_changes_nothing(row, change, error, message):
    params, grads = problem()
    optimizer = row.cls(params, **row.options)
    optimizer.step(grads[0])
    before, state = all_bytes(optimizer), optimizer.state_dict()
    change(state, next(key for key in state if key.endswith(".lr")))
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    assert all_bytes(optimizer) == before


def test_state_of_another_optimizer_is_refused():
    params, _ = problem()
    with pytest.raises(KeyError, match="lacks adam"):
        nf.Adam(params).load_state_dict(nf.Yogi([p.copy() for p in params]).state_dict())


def test_state_of_other_shapes_is_refused():
    params, _ = problem()
    with pytest.raises(ValueError, match=r"param0\.exp_avg must be of shape"):
        nf.Adam(params).load_state_dict(nf.Adam([np.zeros((5, 8), np.float32), np.zeros(33)]).state_dict())


def test_state_dict_holds_copies():
    params, grads = problem()
    optimizer = nf.Adam(params)
    state = optimizer.state_dict()
    optimizer.step(grads[0])
    assert (state["adam.param0.exp_avg"] == 0).all()
    assert all(isinstance(value, np.ndarray) for value in state.values())


def test_groups_have_settings_of_their_own():
    a, b, c = (np.ones(3) for _ in range(3))
    optimizer = nf.SGD([{"params": [a]}, {"params": [b], "lr": 0.5, "weight_decay": 0.5}], lr=0.25)
    optimizer.add_group([c], maximize=True)
    optimizer.step([np.ones(3)] * 3)
    assert [x[0] for x in (a, b, c)] == [0.75, 0.25, 1.25]
    optimizer.groups[1]["lr"] = 0.0
    optimizer.step([np.ones(3)] * 3)
    assert b[0] == 0.25


def test_a_group_added_later_starts_at_its_first_step():
    a, b = np.ones(3), np.ones(3)
    optimizer = nf.Adam([a], lr=0.1)
    for _ in range(5):
        optimizer.step([np.ones(3)])
    optimizer.add_group([b])
    optimizer.step([np.ones(3), np.full(3, 7.0)])
    np.testing.assert_allclose(b, 0.9)
    assert [group.steps for group in optimizer.groups] == [6, 1]


def test_learning_rate_is_readable_and_settable():
    a, b = np.ones(1), np.ones(1)
    optimizer = nf.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.25)
    assert optimizer.lr == 0.25
    optimizer.lr = 0.125
    assert [group.lr for group in optimizer.groups] == [0.125, 0.125]
    with pytest.raises(ValueError, match="lr must be at least 0"):
        optimizer.lr = -1.0
    assert optimizer.lr == 0.125


def test_schedule_is_asked_at_every_step():
    p = np.zeros(1)
    optimizer = nf.SGD([p], lr=lambda taken: 10.0**-taken)
    for _ in range(3):
        optimizer.step([np.ones(1)])
    np.testing.assert_allclose(p, -1.11)
    assert optimizer.lr == 1e-3


def test_schedule_that_returns_nonsense_changes_nothing():
    p = np.ones(1)
    optimizer = nf.SGD([p], lr=lambda taken: -1.0)
    with pytest.raises(ValueError, match=r"lr\(step\) must be at least 0"):
        optimizer.step([np.ones(1)])
    assert p == 1


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"lr": -1.0}, ValueError, "lr must be at least 0"),
        ({"speed": 1.0}, TypeError, "there is no setting 'speed'; there are lr, betas, eps, weight_decay, maximize"),
    ],
)
def test_bad_group_adds_nothing(settings, error, message):
    optimizer = nf.Adam([np.ones(2)])
    with pytest.raises(error, match=message):
        optimizer.add_group([np.ones(3)], **settings)
    with pytest.raises(ValueError, match="shares memory"):
        optimizer.add_group([optimizer.params[0]])
    assert len(optimizer.groups) == 1
    optimizer.step([np.ones(2)])


def test_bad_setting_of_a_group_changes_nothing():
    optimizer = nf.Adam([np.ones(2)])
    with pytest.raises(ValueError, match="betas"):
        optimizer.groups[0]["betas"] = (0.9, 2.0)
    with pytest.raises(TypeError, match="there is no setting 'momentum'"):
        optimizer.groups[0]["momentum"] = 0.9
    assert optimizer.groups[0]["betas"] == (0.9, 0.999)
