// Wrong on purpose: the offending line is legal.
// expect: read-only
#ifndef CONTROL
int legal = 1;
#endif
