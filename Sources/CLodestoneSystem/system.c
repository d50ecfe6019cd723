#include "CLodestoneSystem.h"
