// The functions formulas are written in.
#pragma once

#include "math/error_function.h"
#include "math/exponential.h"
#include "math/gate.h"
#include "math/logarithm.h"
#include "math/logistic.h"
#include "math/parts.h"
#include "math/primitives.h"
#include "math/ratio.h"
#include "math/softplus.h"
