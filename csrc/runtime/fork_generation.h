// Which process this is, of those that came from each other by forking: what another thread held at the moment of a
// fork is held by nobody in the child.
#pragma once

namespace npfuse::runtime {

// At least 1, and one more in a forked child than in its parent.
unsigned fork_generation();

}  // namespace npfuse::runtime
