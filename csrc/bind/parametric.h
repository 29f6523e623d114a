// A ufunc whose last inputs are parameters: leaky_relu(x) for leaky_relu(x, 0.01).
#pragma once

#include "numpy.h"
#include "table.h"
#include "ufuncs.h"

namespace npfuse::bind {

// The ufunc itself where the activation has no parameters, since any wrapper costs time. Else a callable that passes
// everything on to a ufunc, missing parameters filled in (but for the required ones) and those given by name put in
// their places. Its other attributes are the ufunc's.
//
// Python numbers take a type before NumPy sees them: NumPy would take them for float64 when arrays are bfloat16, and it
// needs longer to judge a Python number than for the rest of a short call. Operands take the storage type of the other
// inputs, parameters the type that it computes in, once they are known to be legal (parameter.h).
py::object with_parameters(const ParametricUfuncs& ufuncs, int operands, const Activation& activation);

}  // namespace npfuse::bind
