#ifndef FLUXON_CPOOL_H
#define FLUXON_CPOOL_H
#endif
