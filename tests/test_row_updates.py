"""Steps on some rows of a table only."""

import numpy as np
import pytest

import npfuse as nf

MAKERS = {
    "SGD": lambda params: nf.SGD(params, lr=0.1),
    "SGD momentum": lambda params: nf.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "Adagrad": lambda params: nf.Adagrad(params, lr=0.1),
    "Adam": lambda params: nf.Adam(params, lr=0.1, weight_decay=0.01),
    "AdamW": lambda params: nf.AdamW(params, lr=0.1, amsgrad=True),
}
every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def case(shape=(50, 6), dtype=np.float32, k=40, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal(shape).astype(dtype)
    rows = rng.integers(0, shape[0], k)
    return table, rows, rng.standard_normal((k, *shape[1:])).astype(dtype)


def all_bytes(optimizer):
    arrays = [*optimizer.params, *optimizer.state_dict().values()]
    return [array.tobytes() for array in arrays]


@every_maker
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(50, 6), (50,), (50, 2, 3), (50, 3000)])
def test_rows_step_as_if_they_were_the_parameter(make, shape, dtype):
    table, rows, grads = case(shape, dtype)
    start = table.copy()
    optimizer = make([table])
    alone = make([start[np.unique(rows)]])
    sums = np.stack([grads[rows == row].astype(np.float64).sum(axis=0) for row in np.unique(rows)]).astype(dtype)
    for _ in range(3):
        assert optimizer.step_rows(0, rows, grads)
        alone.step([sums])
    assert table[np.unique(rows)].tobytes() == alone.params[0].tobytes()
    for name, array in optimizer.state[0].items():
        assert array[np.unique(rows)].tobytes() == alone.state[0][name].tobytes()
    untouched = np.setdiff1d(np.arange(50), rows)
    assert len(untouched)
    assert (table[untouched] == start[untouched]).all()


def test_repeated_rows_are_added_in_double():
    table = np.zeros((3, 2), np.float32)
    grads = np.array([1e8, 1.0, -1e8], np.float32)[:, None] * np.ones(2, np.float32)
    nf.SGD([table], lr=1.0).step_rows(0, np.array([1, 1, 1]), grads)
    assert (table == [[0, 0], [-1, -1], [0, 0]]).all()


@every_maker
def test_threads_and_layout_change_no_bit(make):
    table, rows, grads = case((300, 64), k=5000)
    results = set()
    before = nf.get_num_threads()
    for threads in (1, 2, 5):
        nf.set_num_threads(threads)
        for layout in (np.array, np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2]):
            mine = layout(table.copy())
            make([mine]).step_rows(0, rows, layout(grads))
            results.add(np.ascontiguousarray(mine).tobytes())
    nf.set_num_threads(before)
    assert len(results) == 1


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, ">i4"])
def test_rows_of_any_integer_type(dtype):
    table, rows, grads = case()
    other = table.copy()
    nf.SGD([table]).step_rows(0, rows, grads)
    nf.SGD([other]).step_rows(0, rows.astype(dtype), grads)
    assert (table == other).all()


def test_gradients_of_another_dtype():
    table, rows, grads = case()
    other = table.copy()
    nf.Adam([table]).step_rows(0, rows, grads)
    nf.Adam([other]).step_rows(0, rows, grads.astype(">f8"))
    assert (table == other).all()


def test_no_rows_at_all():
    table, _, _ = case()
    start = table.copy()
    nf.Adam([table]).step_rows(0, np.zeros(0, int), np.zeros((0, 6), np.float32))
    assert (table == start).all()


def test_every_table_counts_its_own_steps():
    first, second = np.zeros((4, 2)), np.zeros((4, 2))
    optimizer = nf.Adam([{"params": [first]}, {"params": [second]}])
    for _ in range(3):
        optimizer.step_rows(1, np.array([0]), np.ones((1, 2)))
    assert [group.steps for group in optimizer.groups] == [0, 3]
    assert (first == 0).all()


def test_scale():
    table, rows, grads = case()
    other = table.copy()
    nf.SGD([table]).step_rows(0, rows, grads)
    optimizer = nf.SGD([other])
    assert optimizer.step_rows(0, rows, grads * 1024, scale=1024.0) is True
    assert (table == other).all()
    grads[3, 1] = np.inf
    before = all_bytes(optimizer)
    assert optimizer.step_rows(0, rows, grads, scale=2.0) is False
    assert all_bytes(optimizer) == before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda i, r, g: (1, r, g), IndexError, "index must be at least 0 and less than 1"),
        (lambda i, r, g: (0, r - 60, g), IndexError, "rows must be at least 0 and less than 50"),
        (lambda i, r, g: (0, r + 40, g), IndexError, "rows must be at least 0 and less than 50"),
        (lambda i, r, g: (0, r[:3], g), ValueError, r"rows must be of shape \(40,\), .* of grads, got \(3,\)"),
        (lambda i, r, g: (0, r, g[:, :5]), ValueError, r"grads must be of its parameter's shape \(50, 6\) but for"),
        (lambda i, r, g: (0, r.reshape(2, -1), g), ValueError, r"rows must be of shape \(k,\), got \(2, 20\)"),
        (lambda i, r, g: (-1, r, g), IndexError, "index must be at least 0"),
        (lambda i, r, g: ("0", r, g), TypeError, "index must be an integer"),
        (lambda i, r, g: (0, r.astype(np.uint64) - np.uint64(51), g), IndexError, "rows must be at least 0"),
        (lambda i, r, g: (0, r.astype(float), g), TypeError, "rows must be an array of integers, got float64"),
        (lambda i, r, g: (0, list(r), g), TypeError, "rows must be an array of integers, got list"),
        (lambda i, r, g: (0, r, g.astype(int)), TypeError, "must be of float16, bfloat16, float32 or float64"),
        (lambda i, r, g: (0, r, g.tolist()), TypeError, "grads must be a NumPy array, got list"),
    ],
)
@every_maker
def test_bad_arguments_change_nothing(make, change, error, message):
    table, rows, grads = case()
    optimizer = make([table])
    optimizer.step_rows(0, rows, grads)
    before = all_bytes(optimizer)
    with pytest.raises(error, match=message):
        optimizer.step_rows(*change(0, rows, grads))
    assert all_bytes(optimizer) == before


def test_gradients_that_share_memory_are_refused():
    table, _, _ = case()
    with pytest.raises(ValueError, match=r"grads shares memory with params\[0\]"):
        nf.Adam([table]).step_rows(0, np.arange(3), table[5:8])


def test_optimizers_that_move_every_row_refuse():
    with pytest.raises(TypeError, match="Adamax moves rows that have no gradient"):
        nf.Adamax([np.zeros((3, 2))]).step_rows(0, np.array([0]), np.ones((1, 2)))


@pytest.mark.parametrize("seed", range(5))
def test_adam_with_eps_as_hat_is_sparse_adam(seed):
    """PyTorch's formula for the rows of a sparse gradient, written down."""
    table, rows, grads = case((20, 3), np.float64, 15, seed)
    expected, m, v = table.copy(), np.zeros((20, 3)), np.zeros((20, 3))
    optimizer = nf.Adam([table], lr=0.1, eps=1e-3, eps_placement="hat")
    for step in range(1, 4):
        optimizer.step_rows(0, rows, grads)
        for row in np.unique(rows):
            g = grads[rows == row].sum(axis=0)
            m[row] += (g - m[row]) * (1 - 0.9)
            v[row] += (g**2 - v[row]) * (1 - 0.999)
            size = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            expected[row] -= size * m[row] / (np.sqrt(v[row]) + 1e-3)
    np.testing.assert_allclose(table, expected, rtol=1e-12)


def test_an_empty_table():
    for shape in ((0, 3), (4, 0)):
        table = np.zeros(shape, np.float32)
        rows = np.zeros(0 if shape[0] == 0 else 2, int)
        optimizer = nf.Adam([table])
        assert optimizer.step_rows(0, rows, np.zeros((len(rows), shape[1]), np.float32))
        assert optimizer.groups[0].steps == 1


def test_a_parameter_or_state_that_became_read_only_is_refused() -> None:
    table = np.ones((5, 2))
    optimizer = nf.Adagrad([table])
    for array, name in ((table, r"params\[0\]"), (optimizer.state[0]["sum"], r"sum of params\[0\]")):
        array.flags.writeable = False
        with pytest.raises(ValueError, match=f"^{name} must be writeable"):
            optimizer.step_rows(0, np.array([1]), np.ones((1, 2)))
        array.flags.writeable = True
    assert (table == 1).all()
