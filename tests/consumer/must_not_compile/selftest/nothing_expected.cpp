// Wrong on purpose: no diagnostic is named.
#ifndef CONTROL
int value = undeclared;
#endif
