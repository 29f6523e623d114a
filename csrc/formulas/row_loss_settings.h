// Plain data, the same for every instruction set, that a formula over rows of class scores is given.
#pragma once

namespace npfuse {

inline constexpr int max_loss_parameters = 4;

// What a loss over rows of class scores depends on besides the rows.
struct RowLossSettings {
    bool has_labels;              // else the targets are probabilities
    const double* class_weights;  // null: all 1
    double parameters[max_loss_parameters];
    double scale;  // what the gradient is multiplied by
};

}  // namespace npfuse
