#include "elementwise.h"

namespace npfuse::device {

Span<Elementwise> gated_forward() { return cuda::LaunchersOf<cuda::GatedForward, 1, cuda::GatedActivations>::span; }
Span<Elementwise> gated_backward() { return cuda::LaunchersOf<cuda::GatedBackward, 2, cuda::GatedActivations>::span; }

}  // namespace npfuse::device
