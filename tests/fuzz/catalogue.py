"""Every public operation, and how it is called."""

from fuzz import elementwise, layers, losses, optimizers, rows

OPERATIONS = [
    *elementwise.OPERATIONS,
    *rows.OPERATIONS,
    *layers.OPERATIONS,
    *losses.OPERATIONS,
    *optimizers.OPERATIONS,
]
