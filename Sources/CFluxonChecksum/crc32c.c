#include "CFluxonChecksum.h"
