#include "loss_docstring.h"

#include <cstdio>

namespace npfuse::bind {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

std::string lines_for(Span<Parameter> parameters, const char* type) {
    std::string text;
    for (const Parameter& parameter : parameters)
        text += std::string(parameter.name) + " : " + type + ", default " + number(parameter.default_value) + "\n    " +
                parameter.meaning + "\n";
    return text;
}

}  // namespace

std::string loss_docstring(const Loss& loss) {
    const Description& d = *loss.description;
    const std::string name = loss.name;
    std::string text = d.summary;
    text +=
        "\n\n``" + name + "(pred, target)`` is the value, ``" + name +
        ".value_and_grad(pred, target)`` the value and its gradient with respect\nto `pred` in one pass over memory, "
        "``" +
        name +
        ".grad(pred, target)`` the gradient alone.\n\n"
        "Parameters\n----------\n"
        "pred : array_like\n"
        "    float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`. Half types are computed\n"
        "    in float32.\n"
        "target : array_like\n"
        "    Floats or integers that broadcast to the shape of `pred`.\n";
    text += lines_for(loss.operands, "array_like that broadcasts to `pred`");
    text +=
        "weight : array_like, optional\n"
        "    Multiplies the value of each element; broadcasts to the shape of `pred`.\n"
        "reduction : {\"mean\", \"sum\", \"none\"}, default \"mean\"\n"
        "    \"mean\" divides the sum by the number of elements, whatever the weights; of no elements it is 0.\n";
    text += lines_for(loss.parameters, "float");
    text +=
        "out : ndarray, optional\n"
        "    Where the gradient goes, of the shape and dtype of `pred`; it may be `pred` itself.\n\n"
        "Returns\n-------\n"
        "value : float or ndarray\n"
        "    A float, summed in float64 in one fixed order; under \"none\" an array of the shape and dtype of `pred`.\n"
        "grad : ndarray\n"
        "    The derivative of the value (under \"none\", of the values' sum), of the shape and dtype of `pred`.\n\n"
        "Raises\n------\n"
        "TypeError\n    If an array is complex or an object, or `out` is of another dtype than `pred`.\n"
        "ValueError\n    If a shape does not broadcast to that of `pred`, a parameter is out of its range, or `out` "
        "is\n"
        "    read-only, of another shape, or overlaps an input without being it.\n\n";
    text += "Notes\n-----\nvalue = ";
    text += d.formula;
    text += "\n\ngrad = ";
    text += d.derivative;
    text += "\n\nAccuracy: ";
    text += d.accuracy;
    if (*d.notes) text += std::string("\n\n") + d.notes;
    text += "\n\nReferences\n----------\n";
    text += d.source;
    text += "\n\nExamples\n--------\n>>> import numpy as np\n>>> import npfuse as nf\n";
    text += d.example;
    return text + "\n";
}

}  // namespace npfuse::bind
