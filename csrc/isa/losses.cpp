#include "../loops/losses.h"
#include "../loops/entries.h"
#include "../loops/min_reduce.h"

namespace npfuse::NPFUSE_ISA {

extern constinit const LossTable losses = {
    .float32 = run_loss<float>,
    .float64 = run_loss<double>,
    .min_reduce = min_reduce,
    .losses = Entries<Losses, []<class Operation>(OperationTag<Operation>) { return loss_entry<Operation>(); }>::span,
};

}  // namespace npfuse::NPFUSE_ISA
