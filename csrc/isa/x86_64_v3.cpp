#define NPFUSE_ISA x86_64_v3
#define NPFUSE_ISA_NAME "x86-64-v3"
#include "../loops/build_table.h"
