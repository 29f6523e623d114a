// Docstrings, put together from what each formula says of itself.
#pragma once

#include <string>

#include "table.h"

namespace npfuse::bind {

std::string forward_docstring(const Activation& activation);
std::string backward_docstring(const Activation& activation);
std::string forward_docstring(const RowOperation& operation);
std::string backward_docstring(const RowOperation& operation);

// A copy that lives as long as the process: NumPy keeps the pointer of a ufunc's name and documentation.
const char* keep(const std::string& text);

}  // namespace npfuse::bind
