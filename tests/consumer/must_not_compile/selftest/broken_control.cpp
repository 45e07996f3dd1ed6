// Wrong on purpose: it does not compile even without the offending line.
// expect: undeclared|not declared
int other = also_undeclared;
#ifndef CONTROL
int value = undeclared;
#endif
