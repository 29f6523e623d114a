"""Activations are ufuncs, and whoever knows ufuncs knows them."""

import copy
import inspect
import pickle
import warnings

import numpy as np

import npfuse as nf
from table import Kernel


class Recorder(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of somebody else's, which takes over when NumPy meets it."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: object) -> tuple:
        return ufunc, method, inputs, kwargs


class Tagged(np.ndarray):
    pass


def arguments(kernel: Kernel, x: object) -> tuple:
    return (*((np.float32(1),) if kernel.backward else ()), x, *kernel.parameters)


def test_array_ufunc_takes_over(kernel: Kernel) -> None:
    ufunc, method, inputs, kwargs = kernel.function(*arguments(kernel, Recorder()), where=True)
    assert isinstance(ufunc, np.ufunc)
    assert ufunc.__name__ == kernel.name
    assert method == "__call__"
    assert len(inputs) == ufunc.nin
    assert kwargs == {"where": True}


def test_subclass_comes_back(kernel: Kernel) -> None:
    x = np.linspace(-1, 1, 5, dtype=np.float32).view(Tagged)
    assert type(kernel.function(*arguments(kernel, x))) is Tagged
    assert type(kernel.function(*arguments(kernel, x), subok=False)) is np.ndarray


def test_masked_arrays_keep_their_mask(forward: Kernel) -> None:
    x = np.ma.array([0.5, -0.5, 2], mask=[False, True, False])
    result = forward.function(*arguments(forward, x))
    assert result.mask.tolist() == x.mask.tolist()


def test_pickle_and_copy_give_the_same_function(kernel: Kernel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking for the function's module, pickle meets deprecated ones
        assert pickle.loads(pickle.dumps(kernel.function)) is kernel.function
    assert copy.deepcopy(kernel.function) is kernel.function


def test_it_has_a_name_and_can_be_inspected(kernel: Kernel) -> None:
    assert kernel.function.__name__ == kernel.name
    assert kernel.name in repr(kernel.function)
    assert inspect.getdoc(kernel.function)


def test_methods_of_a_ufunc(binary: Kernel) -> None:
    """A binary ufunc has outer; ours are no exception."""
    dy, x = np.array([1.0, 2.0]), np.array([0.5, -0.5, 1.5])
    np.testing.assert_array_equal(binary.function.outer(dy, x), binary.function(dy[:, None], x))


def test_at_works_in_place(unary: Kernel) -> None:
    x = np.array([0.5, -0.5, 1.5])
    expected = np.where([True, False, True], unary.function(x), x)
    unary.function.at(x, [0, 2])
    np.testing.assert_array_equal(x, expected)


def test_everything_public_is_listed() -> None:
    assert set(nf.__all__) <= set(dir(nf))
    assert all(not name.startswith("_") or name == "__version__" for name in nf.__all__)
