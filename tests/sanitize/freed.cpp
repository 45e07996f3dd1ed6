// A use after free, planted: AddressSanitizer must report it.
#include <cstdio>

int main() {
    volatile int* number = new int(41);
    delete number;
    std::printf("%d\n", *number);
}
