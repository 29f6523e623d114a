// All loops over the whole registry, as one constant table. Each file of isa/ includes this once.
#include "bias.h"
#include "elementwise.h"
#include "losses.h"
#include "maxout.h"
#include "min_reduce.h"
#include "norm.h"
#include "parameter.h"
#include "row_losses.h"
#include "rows.h"
#include "scale.h"
#include "sum_rows.h"
#include "update.h"

namespace npfuse::NPFUSE_ISA {

constinit const KernelTable table = {
    .isa = NPFUSE_ISA_NAME,
    .elementwise = {run_elementwise<float16>, run_elementwise<bfloat16>, run_elementwise<float>,
                    run_elementwise<double>, run_elementwise<float16, float>, run_elementwise<bfloat16, float>},
    .bias = {run_bias<float16>, run_bias<bfloat16>, run_bias<float>, run_bias<double>, run_bias<float16, float>,
             run_bias<bfloat16, float>},
    .parameter = {run_parameter<float16>, run_parameter<bfloat16>, run_parameter<float>, run_parameter<double>,
                  run_parameter<float16, float>, run_parameter<bfloat16, float>},
    .rows = {run_rows<float16>, run_rows<bfloat16>, run_rows<float>, run_rows<double>},
    .maxout = {run_maxout<float16>, run_maxout<bfloat16>, run_maxout<float>, run_maxout<double>},
    .maxout_backward = {run_maxout_backward<float16>, run_maxout_backward<bfloat16>, run_maxout_backward<float>,
                        run_maxout_backward<double>},
    .losses_float32 = run_loss<float>,
    .losses_float64 = run_loss<double>,
    .weights_of_probabilities = weigh_probabilities,
    .min_reduce = min_reduce,
    .update = {run_update<float16>, run_update<bfloat16>, run_update<float>, run_update<double>},
    .sum_rows = {sum_rows<float>, sum_rows<float>, sum_rows<float>, sum_rows<double>},
    .add_squares = add_squares,
    .scale = {run_scale<float16>, run_scale<bfloat16>, run_scale<float>, run_scale<double>},
    .activations = ActivationsOf<Activations>::span,
    .gated_activations = GatedActivationsOf<GatedActivations>::span,
    .row_operations = RowOperationsOf<RowOperations>::span,
    .losses = LossesOf<Losses>::span,
    .row_losses = RowLossesOf<RowLosses>::span,
    .optimizers = OptimizersOf<Optimizers>::span,
};

}  // namespace npfuse::NPFUSE_ISA
