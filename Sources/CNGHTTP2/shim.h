#ifndef FLUXON_CNGHTTP2_H
#define FLUXON_CNGHTTP2_H
#include <nghttp2/nghttp2.h>
#endif
