// NumPy's C interface, shared by every file of bind/. module.cpp alone imports it.
#pragma once

#include <pybind11/pybind11.h>

#define PY_ARRAY_UNIQUE_SYMBOL npfuse_array_api
#define PY_UFUNC_UNIQUE_SYMBOL npfuse_ufunc_api
#ifndef NPFUSE_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

namespace py = pybind11;
