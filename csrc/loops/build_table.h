// All loops over the whole registry, as one constant table. Each file of isa/ includes this once.
#include "elementwise.h"

namespace npfuse::NPFUSE_ISA {

constinit const KernelTable table = {
    .isa = NPFUSE_ISA_NAME,
    .elementwise = {run_elementwise<float16>, run_elementwise<bfloat16>, run_elementwise<float>,
                    run_elementwise<double>},
    .activations = ActivationsOf<Activations>::span,
};

}  // namespace npfuse::NPFUSE_ISA
