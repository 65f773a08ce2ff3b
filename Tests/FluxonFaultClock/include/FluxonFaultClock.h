// Preloaded (LD_PRELOAD) into roles and clients of a test: their clocks follow the page that FLUXON_FAULT_CLOCK names (CFluxonFaults.h).
// It replaces functions of the C library and offers none. libfaketime cannot do this: 0.9.10 sets timers of CLOCK_BOOTTIME wrong even
// where it bends the wall clock alone, so that a role's event loop would sleep on.
#pragma once
