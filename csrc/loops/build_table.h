// All loops over the whole registry, as one constant table. Each file of isa/ includes this once.
#include "elementwise.h"
#include "losses.h"
#include "row_losses.h"

namespace npfuse::NPFUSE_ISA {

constinit const KernelTable table = {
    .isa = NPFUSE_ISA_NAME,
    .elementwise = {run_elementwise<float16>, run_elementwise<bfloat16>, run_elementwise<float>,
                    run_elementwise<double>},
    .losses_float32 = run_loss<float>,
    .losses_float64 = run_loss<double>,
    .activations = ActivationsOf<Activations>::span,
    .losses = LossesOf<Losses>::span,
    .row_losses = RowLossesOf<RowLosses>::span,
};

}  // namespace npfuse::NPFUSE_ISA
