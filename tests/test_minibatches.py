"""Batches of rows."""

import numpy as np
import pytest

import npfuse as nf

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


def test_every_row_comes_once_and_rows_stay_together():
    batches = list(nf.minibatches([X, Y], 3, rng=1))
    assert [len(y) for _, y in batches] == [3, 3, 3, 1]
    assert sorted(np.concatenate([y for _, y in batches])) == list(Y)
    assert all((x[:, 0] == 2 * y).all() for x, y in batches)
    assert [y.tolist() for _, y in batches] != [y.tolist() for _, y in nf.minibatches([X, Y], 3, shuffle=False)]


def test_a_seed_decides_the_order():
    orders = [[y.tolist() for _, y in nf.minibatches([X, Y], 4, rng=seed)] for seed in (5, 5, 6)]
    assert orders[0] == orders[1] != orders[2]


def test_a_generator_goes_on():
    rng = np.random.default_rng(0)
    epochs = [[y.tolist() for (y,) in nf.minibatches(Y, 4, rng=rng)] for _ in range(2)]
    assert epochs[0] != epochs[1]


def test_batch_descent_takes_all_rows_as_they_are():
    ((x, y),) = nf.minibatches([X, Y])
    assert np.shares_memory(x, X)
    assert (y == Y).all()


@pytest.mark.parametrize("size", [10, 11, 10**6, 10**400])
def test_all_rows_in_one_batch_are_never_reordered(size):
    rng = np.random.default_rng(1)
    ((x, y),) = nf.minibatches([X, Y], size, rng=rng)
    assert np.shares_memory(x, X)
    assert (y == Y).all()
    assert rng.random() == np.random.default_rng(1).random()


def test_stochastic_descent_takes_row_by_row():
    assert [y.tolist() for (y,) in nf.minibatches(Y, 1, shuffle=False)] == [[i] for i in range(10)]


def test_drop_last():
    assert [len(y) for (y,) in nf.minibatches(Y, 4, drop_last=True)] == [4, 4]
    assert list(nf.minibatches(Y, 11, drop_last=True)) == []


def test_unshuffled_batches_are_views():
    assert all(np.shares_memory(x, X) for (x,) in nf.minibatches(X, 3, shuffle=False))


def test_no_rows():
    assert list(nf.minibatches(np.zeros((0, 3)), 2)) == []
    assert list(nf.minibatches(np.zeros((0, 3)))) == []


@pytest.mark.parametrize(
    ("arrays", "batch_size", "error", "message"),
    [
        ([X, Y[:9]], 2, ValueError, r"arrays\[1\] must have 10 rows as arrays\[0\] has, got 9"),
        ([X, [1] * 10], 2, TypeError, r"arrays\[1\] must be a NumPy array, got list"),
        ([np.array(1.0)], 2, ValueError, r"arrays\[0\] has no rows"),
        ([], 2, ValueError, "arrays must hold at least one array"),
        (X, 0, ValueError, "batch_size must be at least 1"),
        (X, 2.0, TypeError, "batch_size must be an integer or None"),
    ],
)
def test_bad_arguments(arrays, batch_size, error, message):
    with pytest.raises(error, match=message):
        nf.minibatches(arrays, batch_size)
