// A list of parameters with their states, and the steps that one optimizer takes on them.
//
// Made once and kept, so that a step only has to look at the gradients. Everything is checked before the first byte is
// written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exclusive.h"
#include "held_array.h"
#include "numpy.h"
#include "owned_memory.h"
#include "runtime/update.h"
#include "table.h"

namespace npfuse::bind {

class Updater {
public:
    // Where `single`, there is one parameter and messages speak of param and grad, not of params[0] and grads[0]. A
    // seed makes bfloat16 parameters be rounded at random.
    Updater(const std::string& optimizer, bool single, std::optional<std::uint64_t> seed);

    // Adds parameters, and for each a tuple of states, that step with the settings of this number: one of those so far,
    // or the next. One array more than the optimizer has states is the master copy of a half-type parameter.
    void add(const py::list& parameters, const py::list& states, std::size_t settings);

    // The number of the settings that a parameter steps with.
    std::size_t settings_of(std::size_t i);

    // Each tuple of settings holds step, gradient_scale, coupled_decay, decoupled_decay and the optimizer's own. Every
    // gradient is multiplied by `factor` too, or by less where their common norm would be above largest_norm then.
    // Where `guarded`, or where that norm is limited, a gradient that is not finite makes this return false, having
    // done nothing.
    //
    // `changes` are pairs of dicts: with the step, and without any Python code between that a signal could interrupt,
    // each first one is updated with the second.
    bool step(const py::object& gradients, const py::list& settings, double factor, bool guarded, double largest_norm,
              const py::list& changes);

    // Updates some rows of one parameter: rows[k], a contiguous array of int64, is the row that gradients[k] is of.
    bool step_rows(std::size_t i, const py::object& rows, const py::object& gradients, const py::tuple& settings,
                   double factor, bool guarded, const py::list& changes);

private:
    struct Slot {
        HeldArray parameter;
        std::vector<HeldArray> states;  // the master copy last, if there is one
        const void* accepted_gradient;  // where the last one was, if it was contiguous and of the parameter's dtype
        std::unique_ptr<runtime::StridedIterator> iterator;
    };

    std::string parameter_name(std::size_t i) const;
    std::string gradient_name(std::size_t i) const;
    std::string state_name(std::size_t i, std::size_t k) const;

    static bool was_accepted(const Slot& slot, PyArrayObject* gradient);
    void accept_gradient(std::size_t i, const py::handle& object);
    std::vector<runtime::StepSettings> read_settings(const py::list& settings, std::vector<double>& numbers) const;
    void check_states(const Slot& slot, std::size_t i, std::size_t count) const;

    bool has_master(const Slot& slot) const { return slot.states.size() > optimizer_.states.count; }
    UpdateOperands owned_operands(const Slot& slot) const;
    std::vector<const npy_intp*> operand_strides(const Slot& slot, PyArrayObject* gradient) const;
    void check_slot(std::size_t i) const;
    bool rounds_at_random(std::size_t i) const;
    runtime::StridedIterator::Order iteration_order(std::size_t i) const;
    void set_rounding(std::size_t i, double step);

    const Optimizer& optimizer_;
    const bool single_;
    const std::optional<std::uint64_t> seed_;
    std::vector<Slot> slots_;
    std::vector<runtime::ArrayUpdate> updates_;  // of each slot
    std::vector<StochasticRounding> roundings_;  // likewise
    OwnedMemory memory_;
    std::ptrdiff_t total_size_ = 0;
    std::size_t settings_count_ = 0;
    ExclusiveUse use_;
};

}  // namespace npfuse::bind
