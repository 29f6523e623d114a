#include "../loops/row_losses.h"
#include "../loops/entries.h"

namespace npfuse::NPFUSE_ISA {

extern constinit const RowLossTable row_losses = {
    .weights_of_probabilities = weigh_probabilities,
    .losses =
        Entries<RowLosses, []<class Operation>(OperationTag<Operation>) { return row_loss_entry<Operation>(); }>::span,
};

}  // namespace npfuse::NPFUSE_ISA
