#include "rows.h"

namespace npfuse::device {

Span<RowOperation> row_operations() {
    return cuda::Entries<cuda::RowOperations, []<class Operation>(cuda::OperationTag<Operation>) {
        return cuda::row_operation<Operation>();
    }>::span;
}

}  // namespace npfuse::device
