#include "docstring.h"

#include <cstdio>
#include <cstring>
#include <deque>

namespace npfuse::bind {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

std::string indent(const std::string& text) {
    std::string result = "    ";
    for (char c : text) {
        result += c;
        if (c == '\n') result += "    ";
    }
    return result;
}

std::string section(const char* title, const std::string& body) {
    return "\n" + std::string(title) + "\n" + std::string(std::strlen(title), '-') + "\n" + body;
}

std::string entry(const std::string& head, const std::string& meaning) { return head + "\n" + indent(meaning) + "\n"; }

std::string parameter_entries(const Activation& activation) {
    std::string text;
    for (const Parameter& parameter : activation.parameters)
        text += entry(std::string(parameter.name) + " : array_like" +
                          (activation.required_parameters ? "" : ", default " + number(parameter.default_value)),
                      std::string(parameter.meaning) + " Broadcasts against `x`.");
    return text;
}

const std::string operand_types = "float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`.";

const std::string shared_parameters =
    entry("out : ndarray, optional", "Where the result goes; it may be an operand itself.") +
    entry("**kwargs",
          "Every other argument of a NumPy ufunc, ``where``, ``dtype``, ``casting`` and ``axis`` among\nthem "
          "where they apply.");

const std::string shared_errors =
    section("Raises", entry("TypeError", "If an operand is complex or an object.") +
                          entry("ValueError", "If the shapes do not fit each other, or `out` is read-only."));

std::string ending(const Description& d, const std::string& result, const std::string& formula,
                   const std::string& example) {
    std::string notes = result + " = " + formula + "\n\nAccuracy: " + d.accuracy + "\n";
    if (*d.notes) notes += std::string("\n") + d.notes + "\n";
    return section("Notes", notes) + section("References", std::string(d.source) + "\n") +
           section("Examples", ">>> import numpy as np\n>>> import npfuse as nf\n" + example + "\n");
}

// A derivative is shown against the slope of a short secant.
std::string secant_example(const std::string& name, const Span<Parameter>& parameters) {
    std::string defaults;
    for (const Parameter& parameter : parameters) defaults += ", " + number(parameter.default_value);
    const std::string call = "nf." + name + "(";
    return ">>> secant = (" + call + "0.751" + defaults + ") - " + call + "0.749" + defaults + ")) / 0.002\n" +
           ">>> bool(abs(nf." + name + "_backward(1.0, 0.75" + defaults + ") - secant) < 0.01)\nTrue";
}

}  // namespace

std::string forward_docstring(const Activation& activation) {
    const Description& d = *activation.description;
    return std::string(d.summary) + "\n" +
           section("Parameters",
                   entry("x : array_like", operand_types) + parameter_entries(activation) + shared_parameters) +
           section("Returns", entry("y : ndarray or scalar", "Of the broadcast shape and the dtype of `x`.")) +
           shared_errors + section("See Also", std::string(activation.name) + "_backward : its derivative.\n") +
           ending(d, "y", d.formula, d.example);
}

std::string backward_docstring(const Activation& activation) {
    const Description& d = *activation.description;
    const std::string name = activation.name;
    return "Gradient with respect to the input of `" + name + "`.\n" +
           section("Parameters", entry("dy : array_like", "Gradient with respect to the output.") +
                                     entry("x : array_like", "The input of `" + name + "`, not its output.") +
                                     parameter_entries(activation) + shared_parameters) +
           section("Returns", entry("dx : ndarray or scalar", "Of the broadcast shape and dtype of the operands.")) +
           shared_errors + section("See Also", name + " : the function itself.\n") +
           ending(d, "dx", "dy * (" + std::string(d.derivative) + ")", secant_example(name, activation.parameters));
}

std::string forward_docstring(const GatedActivation& activation) {
    const Description& d = *activation.description;
    return std::string(d.summary) + "\n" +
           section("Parameters", entry("gate, x : array_like", operand_types) + shared_parameters) +
           section("Returns", entry("y : ndarray or scalar", "Of the broadcast shape and dtype of the operands.")) +
           shared_errors + section("See Also", std::string(activation.name) + "_backward : its derivatives.\n") +
           ending(d, "y", d.formula, d.example);
}

std::string backward_docstring(const GatedActivation& activation) {
    const Description& d = *activation.description;
    const std::string name = activation.name;
    return "Gradients with respect to both operands of `" + name + "`.\n" +
           section("Parameters", entry("dy : array_like", "Gradient with respect to the output.") +
                                     entry("gate, x : array_like", "What `" + name + "` was given.") +
                                     shared_parameters) +
           section("Returns", entry("dgate, dx : ndarray or scalar", "Of the broadcast shape and dtype.")) +
           shared_errors + section("See Also", name + " : the function itself.\n") +
           ending(d, "result", d.derivative,
                  ">>> dgate, dx = nf." + name + "_backward(1.0, 2.0, 3.0)\n>>> bool(dx == nf." + name +
                      "(2.0, 1.0))\nTrue");
}

std::string forward_docstring(const RowOperation& operation) {
    const Description& d = *operation.description;
    return std::string(d.summary) + "\n" +
           section("Parameters", entry("x : array_like", operand_types) +
                                     entry("axis : int, default -1", "The axis along which it runs.") +
                                     shared_parameters) +
           section("Returns", entry("y : ndarray", "Of the shape and dtype of `x`.")) + shared_errors +
           section("See Also", std::string(operation.name) + "_backward : its derivative.\n") +
           ending(d, "y", d.formula, d.example);
}

std::string backward_docstring(const RowOperation& operation) {
    const Description& d = *operation.description;
    const std::string name = operation.name;
    const bool from_output = operation.backward.along_row[0];
    const std::string operand = from_output ? entry("y : array_like", "What `" + name + "` returned.")
                                            : entry("x : array_like", "What `" + name + "` was given.");
    const std::string example = from_output
                                    ? ">>> y = nf." + name + "(np.array([1.0, 2.0, 3.0]))\n>>> dx = nf." + name +
                                          "_backward(np.ones(3), y)\n>>> bool(abs(dx.sum()) < 1e-12)\nTrue"
                                    : ">>> dx = nf." + name +
                                          "_backward(1.0, np.array([1.0, 2.0, 3.0]))\n"
                                          ">>> bool(abs(dx.sum() - 1) < 1e-12)\nTrue";
    return "Gradient with respect to the input of `" + name + "`.\n" +
           section("Parameters", entry("dy : array_like", "Gradient with respect to the output.") + operand +
                                     entry("axis : int, default -1", "The axis along which it ran.") +
                                     shared_parameters) +
           section("Returns", entry("dx : ndarray", "Of the broadcast shape and dtype of the operands.")) +
           shared_errors + section("See Also", name + " : the function itself.\n") +
           ending(d, "dx", d.derivative, example);
}

const char* keep(const std::string& text) {
    static std::deque<std::string> kept;
    return kept.emplace_back(text).c_str();
}

}  // namespace npfuse::bind
