// Loaded before the C library: lets the k-th allocation from now on, of the thread that asks for it, fail. Counts those
// that the library and the C++ runtime make, or also those of Python and NumPy, which do not survive all of them.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

static _Thread_local long until_failure = -1;
static _Thread_local long allocations;
static _Thread_local int counting, of_everybody;
static int threads_refused;

// The next `count` allocations succeed, the one after them fails; a negative number ends it. Returns how many there
// have been since the last call.
long fail_allocation_after(long count, int everybody) {
    of_everybody = everybody;
    counting = count >= 0;
    const long so_far = allocations;
    allocations = 0;
    until_failure = count;
    return so_far;
}

void refuse_threads(int refused) { threads_refused = refused; }

static int is_of_the_library(void* caller) {
    Dl_info found;
    return dladdr(caller, &found) && (strstr(found.dli_fname, "/_native.") || strstr(found.dli_fname, "/libstdc++"));
}

static int fails(void* caller) {
    if (!counting) return 0;
    if (!of_everybody && !is_of_the_library(caller)) return 0;
    ++allocations;
    if (until_failure < 0 || until_failure-- > 0) return 0;
    errno = ENOMEM;
    return 1;
}

// glibc's own names for what is replaced here, so that nothing need be looked up before memory is to be had.
extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size); }
void* realloc(void* memory, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size); }
void* memalign(size_t alignment, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
    *memory = fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
    static int (*original)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    if (threads_refused) return EAGAIN;
    if (!original) original = dlsym(RTLD_NEXT, "pthread_create");
    return original(thread, attributes, run, argument);
}
