// Wrong on purpose: it fails, but not because of what it says it is about.
// expect: assignment of read-only
#ifndef CONTROL
int value = undeclared;
#endif
