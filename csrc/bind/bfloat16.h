// bfloat16 is ml_dtypes' type; where that package is absent, everything else works.
#pragma once

namespace npfuse::bind {

// NumPy's number for it, or -1. Imports ml_dtypes the first time.
int bfloat16_type_number();

}  // namespace npfuse::bind
