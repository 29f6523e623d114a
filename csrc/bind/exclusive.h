// One use of an object at a time. Nobody waits for another's use to end: a second use is an error, so that no thread
// can hang and no result can depend on who came first.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <stdexcept>

#include "runtime/fork_generation.h"

namespace npfuse::bind {

class ExclusiveUse {
public:
    static constexpr const char* refusal = "another thread is in the middle of a step of this optimizer";

    bool begin() {
        const unsigned now = runtime::fork_generation();
        unsigned found = 0;
        if (holder_.compare_exchange_strong(found, now, std::memory_order_acquire)) return true;
        // The holder was a thread of this process's parent, and there is no such thread here.
        return found != now && holder_.compare_exchange_strong(found, now, std::memory_order_acquire);
    }
    void end() { holder_.store(0, std::memory_order_release); }

private:
    std::atomic<unsigned> holder_{0};  // the fork generation of whoever uses the object; 0: nobody does
};

// A use that lasts as long as this.
class InUse {
public:
    explicit InUse(ExclusiveUse& use) : use_(use) {
        if (!use_.begin()) throw std::runtime_error(ExclusiveUse::refusal);
    }
    ~InUse() { use_.end(); }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

private:
    ExclusiveUse& use_;
};

// Adds to the module
// - guarded(function, *args), which calls the function in the library's floating-point environment;
// - Exclusive, whose instances are called alike and allow one call at a time.
void register_exclusive(pybind11::module_& module);

}  // namespace npfuse::bind
