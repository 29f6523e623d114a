#include "../loops/entries.h"
#include "../loops/norm.h"
#include "../loops/scale.h"
#include "../loops/sum_rows.h"
#include "../loops/update.h"

namespace npfuse::NPFUSE_ISA {

extern constinit const OptimizerTable optimizers = {
    .update = {run_update<float16>, run_update<bfloat16>, run_update<float>, run_update<double>},
    .sum_rows = {sum_rows<float>, sum_rows<float>, sum_rows<float>, sum_rows<double>},
    .add_squares = add_squares,
    .scale = {run_scale<float16>, run_scale<bfloat16>, run_scale<float>, run_scale<double>},
    .optimizers =
        Entries<Optimizers, []<class Operation>(OperationTag<Operation>) { return optimizer<Operation>(); }>::span,
};

}  // namespace npfuse::NPFUSE_ISA
