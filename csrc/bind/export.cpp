#include "register.h"

namespace npfuse::bind {

void add_ufunc(py::module_& module, const std::string& name, const py::object& ufunc) {
    module.attr(name.c_str()) = ufunc;
    module.attr("__all__").cast<py::list>().append(name);
}

void add_operation(py::module_& module, const char* kind, const std::string& name, const py::object& ufunc) {
    add_ufunc(module, name, ufunc);
    py::dict operations = module.attr("operations");
    if (!operations.contains(kind)) operations[kind] = py::list();
    operations[kind].cast<py::list>().append(name);
}

}  // namespace npfuse::bind
