#include "run.hpp"

int main(int count, char** arguments) { return simt::explore(count, arguments); }
