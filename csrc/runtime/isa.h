// Which table of kernels this CPU runs. Decided once, when the module is imported; a plain pointer from then on.
#pragma once

#include <vector>

#include "table.h"

namespace npfuse::runtime {

namespace detail {
extern const KernelTable* active_table;
}

// Every table that this CPU and operating system can run, the best first.
std::vector<const KernelTable*> available_tables();

// Decides on the best table, or on the one that the environment variable NPFUSE_ISA names. Throws std::runtime_error
// when NPFUSE_ISA names a table that is not available, or when this CPU can run none.
const KernelTable& select_table();

// The table select_table() decided on; only valid after it.
inline const KernelTable& active_table() { return *detail::active_table; }

}  // namespace npfuse::runtime
