#include "../loops/rows.h"
#include "../loops/entries.h"

namespace npfuse::NPFUSE_ISA {

extern constinit const RowTable rows = {
    .loops = {run_rows<float16>, run_rows<bfloat16>, run_rows<float>, run_rows<double>},
    .operations = Entries<RowOperations,
                          []<class Operation>(OperationTag<Operation>) { return row_operation<Operation>(); }>::span,
};

}  // namespace npfuse::NPFUSE_ISA
