#include "../table.h"

namespace npfuse::NPFUSE_ISA {

extern const ActivationTable activations;
extern const RowTable rows;
extern const LossTable losses;
extern const RowLossTable row_losses;
extern const OptimizerTable optimizers;

extern constinit const KernelTable table = {NPFUSE_ISA_NAME, activations, rows, losses, row_losses, optimizers};

}  // namespace npfuse::NPFUSE_ISA
