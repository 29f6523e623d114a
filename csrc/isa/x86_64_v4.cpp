#define NPFUSE_ISA x86_64_v4
#define NPFUSE_ISA_NAME "x86-64-v4"
#include "../loops/build_table.h"
