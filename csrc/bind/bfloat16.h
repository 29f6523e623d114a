// bfloat16 is ml_dtypes' type; where that package is absent, everything else works.
#pragma once

#include "numpy.h"

namespace npfuse::bind {

// Borrowed; null where there is none. Imports ml_dtypes the first time.
PyArray_Descr* bfloat16_dtype();

// NumPy's number for it, or -1.
int bfloat16_type_number();

}  // namespace npfuse::bind
