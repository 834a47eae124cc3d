#include "run/journal.h"  // an edge that there is not
