// What a row formula says of the elements of a row, and of a value that each row has. An expression knows no memory: a
// pass makes a function of the element of it, expression.at(place), which holds what is the same for the whole row.
#pragma once

#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// The same for every element.
template <class V>
struct Constant {
    using Stored = Constant;
    static constexpr bool is_costly = false;
    V value;

    template <class Place>
    NPFUSE_PASS Constant at(const Place&) const {
        return *this;
    }
    template <class Element>
    NPFUSE_PASS V operator()(const Element&) const {
        return value;
    }
};

template <class V>
NPFUSE_PASS Constant<V> constant(V value) {
    return {value};
}

// An element of an input.
template <int i>
struct Input {
    using Stored = Input;
    static constexpr bool is_costly = false;

    template <class Place>
    NPFUSE_PASS auto at(const Place& place) const {
        return place.template input<i>();
    }
};

// The element's place in its row.
struct Position {
    using Stored = Position;
    static constexpr bool is_costly = false;

    template <class Place>
    NPFUSE_PASS auto at(const Place& place) const {
        return place.position();
    }
};

// Some functions of the element, and a function of what they give.
template <class... Functions>
struct Arguments {
    template <class Function, class Element, class... Values>
    NPFUSE_PASS auto passed_to(const Function& function, const Element&, Values... values) const {
        return function(values...);
    }
};
template <class First, class... Rest>
struct Arguments<First, Rest...> {
    First first;
    Arguments<Rest...> rest;

    template <class Function, class Element, class... Values>
    NPFUSE_PASS auto passed_to(const Function& function, const Element& element, Values... values) const {
        return rest.passed_to(function, element, values..., first(element));
    }
};

template <class Function, class Arguments>
struct Composed {
    Function function;
    Arguments arguments;

    template <class Element>
    NPFUSE_PASS auto operator()(const Element& element) const {
        return arguments.passed_to(function, element);
    }
};

template <class... Expressions>
struct Operands {
    template <class Place>
    NPFUSE_PASS Arguments<> at(const Place&) const {
        return {};
    }
};
template <class First, class... Rest>
struct Operands<First, Rest...> {
    First first;
    Operands<Rest...> rest;

    template <class Place>
    NPFUSE_PASS auto at(const Place& place) const {
        return join(first.at(place), rest.at(place));
    }

private:
    template <class Head, class... Tail>
    NPFUSE_PASS static Arguments<Head, Tail...> join(const Head& head, const Arguments<Tail...>& tail) {
        return {head, tail};
    }

public:
    NPFUSE_PASS Operands(const First& first, const auto&... rest) : first(first), rest(rest...) {}
};

// A function of some expressions, element by element. One that takes long says so: is_costly.
template <class Function, class... Expressions>
struct Map {
    using Stored = Map;
    static constexpr bool is_costly = requires { Function::is_costly; };
    Function function;
    Operands<Expressions...> operands;

    template <class Place>
    NPFUSE_PASS auto at(const Place& place) const {
        return compose(operands.at(place));
    }

private:
    template <class Arguments>
    NPFUSE_PASS Composed<Function, Arguments> compose(const Arguments& arguments) const {
        return {function, arguments};
    }
};

template <class Function, class... Expressions>
NPFUSE_PASS auto map(const Function& function, const Expressions&... expressions) {
    return Map<Function, typename Expressions::Stored...>{function, {expressions...}};
}

// An expression, but for one element of each row; for none where the position is not one of the row.
template <class Expression, class Where, class Value>
struct Replaced {
    using Stored = Replaced;
    static constexpr bool is_costly = Expression::is_costly;
    Expression expression;
    Where where;
    Value value;

    template <class Place>
    NPFUSE_PASS auto at(const Place& place) const {
        return map([](auto other, auto replacement, auto where, auto j)
                       NPFUSE_LAMBDA { return decltype(where)(j) == where ? decltype(other)(replacement) : other; },
                   expression, value, where, Position())
            .at(place);
    }
};

template <class Expression, class Where, class Value>
NPFUSE_PASS auto replaced(const Expression& expression, const Where& where, const Value& value) {
    return Replaced<typename Expression::Stored, typename Where::Stored, typename Value::Stored>{expression, where,
                                                                                                 value};
}

template <class Expression>
inline constexpr bool is_replaced = false;
template <class... Nodes>
inline constexpr bool is_replaced<Replaced<Nodes...>> = true;

// An expression that is worked out once: what is kept is there after pass.sum(kept).
template <class Expression>
struct Kept {
    using Stored = Kept;
    static constexpr bool is_costly = false;
    Expression expression;

    template <class Place>
    NPFUSE_PASS auto at(const Place& place) const {
        return place.kept(expression);
    }
};

// The numbers of one type that a value consists of, so that those of many rows can lie in an array each.
template <class V>
struct Components {
    using Number = V;
    static constexpr int count = 1;
    template <int part>
    NPFUSE_PASS static V get(V value) {
        return value;
    }
    NPFUSE_PASS static V made_of(V value) { return value; }
};

template <class T>
struct Components<Pair<T>> {
    using Number = T;
    static constexpr int count = 2;
    template <int part>
    NPFUSE_PASS static T get(Pair<T> pair) {
        return part == 0 ? pair.hi : pair.lo;
    }
    NPFUSE_PASS static Pair<T> made_of(T hi, T lo) { return {hi, lo}; }
};

NPFUSE_FORMULAS_END
