// Docstrings of losses, put together from what each formula says of itself.
#pragma once

#include <string>

#include "table.h"

namespace npfuse::bind {

std::string loss_docstring(const Loss& loss);
std::string loss_docstring(const RowLoss& loss);

}  // namespace npfuse::bind
