// The pass that row formulas ask for, made of a block's: what it finds out about a row is kept in memory that the block
// shares.
#pragma once

#define NPFUSE_ISA cuda
#include "../formulas/rows/expressions.h"
#include "row_pass.h"

NPFUSE_FORMULAS_BEGIN

// The input that an expression is made of, in whose registers it can be kept.
template <class Expression>
inline constexpr int input_of = -1;
template <int i>
inline constexpr int input_of<Input<i>> = i;
template <class Function, class First, class... Rest>
inline constexpr int input_of<Map<Function, First, Rest...>> = input_of<First>;
template <class Expression, class Where, class Value>
inline constexpr int input_of<Replaced<Expression, Where, Value>> = input_of<Expression>;

// What each row has, as a function of the thread.
template <class Get>
struct GroupValues {
    using Stored = GroupValues;
    static constexpr bool is_costly = false;
    Get get;

    NPFUSE_DEVICE auto operator[](int thread) const { return get(thread); }
    template <class Place>
    NPFUSE_DEVICE auto at(const Place& place) const {
        return constant(get(place.thread));
    }
};

template <class Get>
NPFUSE_DEVICE GroupValues<Get> group_values(Get get) {
    return {get};
}

// What each row has, in memory that the block shares: nothing where that is null.
template <class V, class Groups>
struct SharedValues {
    V* values = nullptr;

    NPFUSE_DEVICE V operator()(int thread) const { return values[Groups::row_of(thread)]; }
};

// Rows that all count, and have all inputs.
struct AllRows {
    static constexpr bool may_lack_inputs = false;
    static constexpr int bytes_of_values = 48;
    NPFUSE_DEVICE bool counts(int) const { return true; }
};

// A row that does not count takes part, and gets zeros. An input that a row lacks is zero.
template <class S, class Form, class Rows = AllRows>
class FormulaPass {
public:
    using Block = RowPass<S, Form>;
    using Number = typename Block::T;
    using Element = typename Block::Element;
    using Index = typename Block::Index;
    static constexpr int rows = Block::rows;

    struct Shared {
        typename Block::Shared block;
        alignas(8) unsigned char values[rows * Rows::bytes_of_values];
    };

    struct Place {
        const Block& block;
        int thread;

        template <int i>
        NPFUSE_DEVICE auto input() const {
            if constexpr (Rows::may_lack_inputs && !Block::holds)
                return [has_input = block.has_input(i), number = block.input(i)(thread)](const Element& e) {
                    return has_input ? number(e) : Number(0);
                };
            else
                return block.input(i)(thread);
        }
        NPFUSE_DEVICE auto position() const {
            return [](const Element& e) { return e.j; };
        }
        // Held in the input's registers, or worked out anew each time.
        template <class Expression>
        NPFUSE_DEVICE auto kept(const Expression& expression) const {
            if constexpr (Block::holds)
                return block.input(input_of<Expression>)(thread);
            else
                return expression.at(*this);
        }
    };

    // For any element, as it lies in memory.
    struct PlaceInMemory {
        const Block& block;
        int thread;

        template <int i>
        NPFUSE_DEVICE auto input() const {
            return [block = &block, thread = thread](const Element& e) {
                if (Rows::may_lack_inputs && !block->has_input(i)) return Number(0);
                return block->stored(i, thread, e.j);
            };
        }
        NPFUSE_DEVICE auto position() const {
            return [](const Element& e) { return e.j; };
        }
        template <class Expression>
        NPFUSE_DEVICE auto kept(const Expression& expression) const {
            return expression.at(*this);
        }
    };

    NPFUSE_DEVICE FormulaPass(const Block& block, Shared& shared, const Rows& selected = {})
        : block_(block), rows_(selected), values_(shared.values) {}

    NPFUSE_DEVICE long long length() const { return block_.length(); }
    NPFUSE_DEVICE bool has_output() const { return block_.has_output(); }

    // Where threads hold more numbers than there are, the others are smaller than any.
    template <int i>
    NPFUSE_DEVICE Input<i> input() const {
        if (Rows::may_lack_inputs && !block_.has_input(i))
            block_.hold_zeros(i);
        else
            block_.hold(i, -Format<Number>::infinity);
        return {};
    }
    template <int i>
    NPFUSE_DEVICE auto number() const {
        return group_values([block = &block_](int thread) { return block->number(i, thread); });
    }

    template <int i>
    NPFUSE_DEVICE auto max(Input<i>) const {
        block_.find_maxima(i);
        return group_values([block = &block_](int thread) { return block->maximum(thread); });
    }
    // Of the row's maximum.
    template <int i, class Values>
    NPFUSE_DEVICE auto find_first(Input<i>, const Values&) const {
        block_.find_first_maximum(i);
        return group_values([block = &block_](int thread) { return block->position(thread); });
    }

    // Of one element of each row: 0 where the position is none.
    template <class Expression, class Positions>
    NPFUSE_DEVICE auto gather(const Expression& expression, const Positions& positions) const {
        return group_values([expression, positions, block = &block_](int thread) {
            const auto j = positions[thread];
            if (j < 0 || j >= block->length()) return Number(0);
            return Number(expression.at(PlaceInMemory{*block, thread})(Element{Index(j), 0}));
        });
    }

    template <class Expression>
    NPFUSE_DEVICE Kept<Expression> keep(const Expression& expression) const {
        if constexpr (Block::holds) block_.kept(input_of<Expression>, of_thread(expression));
        return {expression};
    }
    // There until the next sum.
    template <class Expression>
    NPFUSE_DEVICE auto sum(const Expression& expression) const {
        block_.sum([expression, block = &block_](int thread) {
            return [block, term = expression.at(Place{*block, thread})](const Element& e) {
                return block->exists(e) ? double(term(e)) : 0.0;
            };
        });
        return group_values([block = &block_](int thread) { return block->total(thread); });
    }

    template <class Function, class... Values>
    NPFUSE_DEVICE auto each_row(const Function& function, const Values&... values) {
        using V = decltype(function(values[0]...));
        V* const results = take<V>();
        block_.each_row([&](int first) { results[Block::Groups::row_of(first)] = function(values[first]...); });
        return shared_values(results);
    }
    // What is less work for every thread than a step of the block.
    template <class Function, class... Values>
    NPFUSE_DEVICE auto derived(const Function& function, const Values&... values) const {
        return group_values([=](int thread) { return function(values[thread]...); });
    }

    // What a function finds out, or 0.
    template <class Find>
    NPFUSE_DEVICE auto values_if(bool is_wanted, const Find& find) {
        using Found = decltype(find(*this));
        Found found = {};
        if (is_wanted) found = find(*this);
        return group_values([found](int thread) {
            using V = decltype(found[thread]);
            return found.get.values != nullptr ? found[thread] : V{};
        });
    }
    template <class Predicate, class Values, class Others>
    NPFUSE_DEVICE auto where(const Predicate& is_other, const Values& values, const Others& others) {
        using V = decltype(values[0]);
        V* const results = take<V>();
        block_.each_row([&](int first) { results[Block::Groups::row_of(first)] = values[first]; });
        block_.wait();
        bool is_any = false;
        for (int row = 0; row < rows; ++row) is_any |= is_other(results[row]);
        block_.wait();
        if (is_any) {
            const auto found = others(*this);
            block_.each_row([&](int first) {
                V& result = results[Block::Groups::row_of(first)];
                if (is_other(result)) result = found[first];
            });
        }
        return shared_values(results);
    }

    template <class Expression>
    NPFUSE_DEVICE void store(const Expression& expression) const {
        block_.write([expression, block = &block_, rows = &rows_](int thread) {
            return [counts = rows->counts(thread), result = expression.at(Place{*block, thread})](const Element& e) {
                return counts ? Number(result(e)) : Number(0);
            };
        });
    }
    template <class Values>
    NPFUSE_DEVICE void store_number(const Values& values) const {
        block_.write_number([&](int first) { return values[first]; });
    }

private:
    template <class V>
    static NPFUSE_DEVICE auto shared_values(V* values) {
        return group_values(SharedValues<V, typename Block::Groups>{values});
    }

    template <class Expression>
    NPFUSE_DEVICE auto of_thread(const Expression& expression) const {
        return [expression, block = &block_](int thread) { return expression.at(Place{*block, thread}); };
    }

    // Memory for a value of each row.
    template <class V>
    NPFUSE_DEVICE V* take() {
        unsigned char* const free = values_;
        values_ += rows * sizeof(V);
        return reinterpret_cast<V*>(free);
    }

    const Block& block_;
    const Rows rows_;
    unsigned char* values_;
};

NPFUSE_FORMULAS_END
