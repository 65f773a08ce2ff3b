// Users of a store catch `FluxonError`, which lives below this module.
@_exported public import FluxonCore
