"""What an optimizer keeps: groups of parameters, learning rates, states that can be saved and loaded."""

import copy
import inspect
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


# For each option that is no setting of a group, two optimizers that differ in nothing else.
PAIRS = [
    ("decoupled_weight_decay", nf.Adam, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("decoupled_weight_decay", nf.SGD, {}, {"decoupled_weight_decay": True}),
    ("eps_placement", nf.Adam, {}, {"eps_placement": "hat"}),
    ("eps_placement", nf.Adam, {"amsgrad": True}, {"amsgrad": True, "eps_placement": "inside"}),
    ("eps_placement", nf.Adamax, {}, {"eps_placement": "outside"}),
    ("eps_placement", nf.RMSprop, {}, {"eps_placement": "inside"}),
    ("velocity", nf.RMSprop, {"momentum": 0.9}, {"momentum": 0.9, "velocity": True}),
    ("velocity", nf.SGD, {"momentum": 0.9, "dampening": 0.1}, {"momentum": 0.9, "dampening": 0.1, "velocity": True}),
    ("nesterov", nf.SGD, {"momentum": 0.9, "velocity": True}, {"momentum": 0.9, "velocity": True, "nesterov": True}),
    ("master_weights", nf.Adam, {}, {"master_weights": True}),
    ("stochastic_rounding", nf.Adam, {}, {"stochastic_rounding": True}),
    ("seed", nf.Adam, {"stochastic_rounding": True}, {"stochastic_rounding": True, "seed": 2**64 - 1}),
]


@pytest.mark.parametrize(("option", "cls", "first", "second"), PAIRS)
def test_state_of_other_options_is_refused(option, cls, first, second):
    for own, other in ((first, second), (second, first)):
        optimizer, theirs = cls([np.ones(3)], **own), cls([np.ones(3)], **other)
        before, saved = all_bytes(optimizer), theirs.state_dict()
        saved.pop("adam.seed", None) if option == "stochastic_rounding" else None
        with pytest.raises(ValueError, match=rf"{option} must be .*, got"):
            optimizer.load_state_dict(saved)
        assert all_bytes(optimizer) == before
        optimizer.load_state_dict(cls([np.ones(3)], **own).state_dict())


def test_adamw_is_not_adam():
    params, _ = problem()
    with pytest.raises(ValueError, match="decoupled_weight_decay must be False, got True"):
        nf.Adam(params).load_state_dict(nf.AdamW([p.copy() for p in params]).state_dict())


def test_every_option_is_a_part_of_the_state():
    """Whatever a constructor takes is among the names, or among the arrays, or only what states begin with."""
    in_kernel_or_arrays = {"amsgrad", "centered", "momentum", "dampening"}
    initial = {"initial_accumulator_value", "initial_accumulator"}
    for row in OPTIMIZERS:
        optimizer = row.cls([np.ones(3)], **row.options)
        names = {name.rpartition(".")[2] for name in optimizer.state_dict()}
        taken = set(inspect.signature(row.cls.__init__).parameters) - {"self", "params", "options"}
        assert taken - in_kernel_or_arrays - initial <= names
        assert {"weight_decay", "decoupled_weight_decay", "maximize", "master_weights", "stochastic_rounding"} <= names


def test_the_seed_is_saved(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    make = lambda: nf.SGD([np.ones(3, ml_dtypes.bfloat16)], stochastic_rounding=True, seed=2**64 - 1)  # noqa: E731
    for way in (through_npz, through_safetensors):
        make().load_state_dict(way(make().state_dict(), tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("group0.steps", -1, ValueError, "steps must be at least 0"),
        ("group0.steps", 2**63 - 1, ValueError, r"steps must be less than 2\*\*53"),
        ("group0.steps", 2**53, ValueError, r"steps must be less than 2\*\*53"),
        ("group0.lr", np.nan, ValueError, "lr must be finite"),
        ("group0.lr", np.inf, ValueError, "lr must be finite"),
        ("group0.lr", 1e39, ValueError, "lr must be between"),
        ("group0.eps", -1.0, ValueError, "eps must be at least 0"),
        ("group0.betas", [0.9, 1.0], ValueError, r"betas\[1\] must be"),
        ("group0.betas", [np.nan, 0.9], ValueError, r"betas\[0\] must be finite"),
        ("group0.weight_decay", np.nan, ValueError, "weight_decay must be finite"),
        ("group0.mu_product", np.nan, ValueError, "mu_product must be finite"),
        ("group0.mu_product", -1.0, ValueError, "mu_product must be between 0 and 1"),
        ("group0.maximize", 1, TypeError, "maximize must be of bool"),
        ("decoupled_weight_decay", 2.0, ValueError, "decoupled_weight_decay must be False, got 2.0"),
        ("param0.exp_avg", np.zeros(3, np.float32), TypeError, "exp_avg must be of float64, got float32"),
    ],
)
def test_what_a_state_must_hold(name, value, error, message):
    optimizer = nf.NAdam([np.ones(3)])
    optimizer.step([np.ones(3)])
    before, state = all_bytes(optimizer), optimizer.state_dict()
    state[f"nadam.{name}"] = np.array(value)
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    assert all_bytes(optimizer) == before


@pytest.mark.parametrize("state", [None, [], "state", 3])
def test_a_state_is_a_mapping(state):
    with pytest.raises(TypeError, match="state must be a mapping"):
        nf.SGD([np.ones(3)]).load_state_dict(state)


def test_read_only_states_change_nothing():
    optimizer, other = nf.Adam([np.ones(3)]), nf.Adam([np.ones(3)])
    other.step([np.ones(3)])
    optimizer.state[0]["exp_avg_sq"].setflags(write=False)
    before = all_bytes(optimizer)
    with pytest.raises(ValueError, match=r"param0\.exp_avg_sq must be writeable"):
        optimizer.load_state_dict(other.state_dict())
    assert all_bytes(optimizer) == before


def test_states_that_change_places():
    optimizer = nf.Adam([np.ones(3)])
    optimizer.step([np.full(3, 2.0)])
    m, v = (optimizer.state[0][name] for name in ("exp_avg", "exp_avg_sq"))
    expected = v.copy(), m.copy()
    optimizer.load_state_dict({**optimizer.state_dict(), "adam.param0.exp_avg": v, "adam.param0.exp_avg_sq": m})
    assert (m == expected[0]).all()
    assert (v == expected[1]).all()


def test_a_state_of_the_other_byte_order():
    optimizer, other = nf.Adam([np.ones(3)]), nf.Adam([np.ones(3)])
    other.step([np.ones(3)])
    swapped = {name: array.astype(array.dtype.newbyteorder()) for name, array in other.state_dict().items()}
    optimizer.load_state_dict(swapped)
    assert all_bytes(optimizer)[1:] == all_bytes(other)[1:]
