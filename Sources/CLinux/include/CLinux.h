#ifndef FLUXON_CLINUX_H
#define FLUXON_CLINUX_H
#endif
