#define NPFUSE_ISA x86_64_v2
#define NPFUSE_ISA_NAME "x86-64-v2"
#include "../loops/build_table.h"
