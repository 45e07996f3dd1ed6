// A data race, planted: ThreadSanitizer must report it.
#include <cstdio>
#include <thread>

int main() {
    long number = 0;
    auto increment = [&number] {
        for (int i = 0; i < 1000; ++i) {
            ++number;
        }
    };
    std::thread first(increment);
    std::thread second(increment);
    first.join();
    second.join();
    std::printf("%ld\n", number);
}
