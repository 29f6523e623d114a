"""Differential fuzzing: every public function on arrays of every kind, against the readable reference.

A case is one call, decided by a sequence of small choices (`choices`). Its arrays lie in memory whose other bytes are
watched (`memory`). `cases` says what must hold of every call; `catalogue` knows how to call each public function, from
the registries and tests/table, so that a new operation is fuzzed without a line here; `spoiling` turns a good call into
a bad one. `campaign` runs many cases and shrinks what fails; `python -m fuzz.campaign` in tests/ prints the table.
"""
