#include "CFluxonPool.h"
