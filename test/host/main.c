#include "test/host/suite.h"

int main(void) { return suite_run(suite.cases, suite.case_count); }
