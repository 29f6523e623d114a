#include "../loops/bias.h"
#include "../loops/elementwise.h"
#include "../loops/entries.h"
#include "../loops/maxout.h"
#include "../loops/parameter.h"

namespace npfuse::NPFUSE_ISA {

extern constinit const ActivationTable activations = {
    .elementwise = {run_elementwise<float16>, run_elementwise<bfloat16>, run_elementwise<float>,
                    run_elementwise<double>, run_elementwise<float16, float>, run_elementwise<bfloat16, float>},
    .bias = {run_bias<float16>, run_bias<bfloat16>, run_bias<float>, run_bias<double>, run_bias<float16, float>,
             run_bias<bfloat16, float>},
    .parameter = {run_parameter<float16>, run_parameter<bfloat16>, run_parameter<float>, run_parameter<double>,
                  run_parameter<float16, float>, run_parameter<bfloat16, float>},
    .maxout = {run_maxout<float16>, run_maxout<bfloat16>, run_maxout<float>, run_maxout<double>},
    .maxout_backward = {run_maxout_backward<float16>, run_maxout_backward<bfloat16>, run_maxout_backward<float>,
                        run_maxout_backward<double>},
    .activations =
        Entries<Activations, []<class Operation>(OperationTag<Operation>) { return activation<Operation>(); }>::span,
    .gated_activations =
        Entries<GatedActivations,
                []<class Operation>(OperationTag<Operation>) { return gated_activation<Operation>(); }>::span,
};

}  // namespace npfuse::NPFUSE_ISA
