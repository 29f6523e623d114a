#pragma once
#include "language.h"
NPFUSE_FORMULAS_BEGIN
NPFUSE_FORMULA float exp(float x) { return __builtin_expf(x); }
NPFUSE_FORMULA double exp(double x) { return __builtin_exp(x); }
NPFUSE_FORMULAS_END
