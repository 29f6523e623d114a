// Native work without the GIL.
#pragma once

#include <Python.h>

#include <chrono>
#include <thread>

namespace npfuse::bind {

// Other Python threads run during its lifetime, where the work is worth the switch.
class ReleasedGil {
public:
    explicit ReleasedGil(bool is_worth_it = true) : state_(is_worth_it ? PyEval_SaveThread() : nullptr) {}
    ~ReleasedGil() {
        if (state_) take_back(state_);
    }
    ReleasedGil(const ReleasedGil&) = delete;
    ReleasedGil& operator=(const ReleasedGil&) = delete;

private:
    // While the interpreter shuts down, CPython before 3.14 ends a thread that asks for the GIL by unwinding its stack:
    // that would run destructors that need the GIL, and abort in one that is noexcept. The thread waits here for the
    // end of the process instead, as it does from CPython 3.14 on.
    static void take_back(PyThreadState* state) noexcept {
        try {
            PyEval_RestoreThread(state);
        } catch (...) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }

    PyThreadState* state_;
};

}  // namespace npfuse::bind
