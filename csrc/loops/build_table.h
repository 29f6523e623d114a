// All loops over the whole registry, as one constant table. Each file of isa/ includes this once.
#include "bias.h"
#include "elementwise.h"
#include "norm.h"
#include "rows.h"
#include "update.h"

namespace npfuse::NPFUSE_ISA {

constinit const KernelTable table = {
    .isa = NPFUSE_ISA_NAME,
    .elementwise = {run_elementwise<float16>, run_elementwise<bfloat16>, run_elementwise<float>,
                    run_elementwise<double>},
    .bias = {run_bias<float16>, run_bias<bfloat16>, run_bias<float>, run_bias<double>},
    .rows = {run_rows<float16>, run_rows<bfloat16>, run_rows<float>, run_rows<double>},
    .update = {run_update<float16>, run_update<bfloat16>, run_update<float>, run_update<double>},
    .add_squares = add_squares,
    .activations = ActivationsOf<Activations>::span,
    .row_operations = RowOperationsOf<RowOperations>::span,
    .optimizers = OptimizersOf<Optimizers>::span,
};

}  // namespace npfuse::NPFUSE_ISA
