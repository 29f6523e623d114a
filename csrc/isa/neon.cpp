#define NPFUSE_ISA neon
#define NPFUSE_ISA_NAME "neon"
#include "../loops/build_table.h"
