#include "rows.h"

namespace npfuse::device {

Span<RowOperation> row_operations() { return cuda::RowLaunchers<cuda::RowOperations>::span; }

}  // namespace npfuse::device
