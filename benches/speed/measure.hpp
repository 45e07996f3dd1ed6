// Paired, interleaved measurements: the two sides of a comparison take turns within one run, so
// that whatever else the machine does meets both, and the ratio is taken round by round.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

namespace speed {

/// Seconds on a steady clock.
inline double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Seconds that `work` takes.
template <class Work>
double seconds_of(Work&& work) {
    const double start = now_s();
    work();
    return now_s() - start;
}

/// The middle one; of an even number, the mean of the middle two. \pre not empty
inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// What the rounds of a comparison gave. `ratio` is the median of each round's own ratio, not the
/// ratio of the medians.
struct Comparison {
    double ours = 0;    ///< median
    double theirs = 0;  ///< median
    double ratio = 0;
    double lowest = 0;   ///< the lowest ratio of a round
    double highest = 0;  ///< the highest
};

/// Medians of the rounds, `ours[k] / theirs[k]` being round k's ratio. \pre equally many, not none
inline Comparison compare(const std::vector<double>& ours, const std::vector<double>& theirs) {
    std::vector<double> ratios;
    for (std::size_t k = 0; k < ours.size(); ++k) ratios.push_back(ours[k] / theirs[k]);
    const auto [lowest, highest] = std::minmax_element(ratios.begin(), ratios.end());
    return {median(ours), median(theirs), median(ratios), *lowest, *highest};
}

/// Calls the sides in turn, `rounds` times after one round that is not counted, every second round
/// in the opposite order. `record(side, round)` is left to the sides themselves.
inline void take_turns(int rounds, const std::vector<std::function<void(bool counted)>>& sides) {
    for (int round = 0; round <= rounds; ++round) {
        for (std::size_t k = 0; k < sides.size(); ++k) {
            const std::size_t side = round % 2 == 0 ? k : sides.size() - 1 - k;
            sides[side](round > 0);
        }
    }
}

/// One side of a comparison: a rate (higher is better) for each counted round.
class Side {
public:
    explicit Side(std::function<double()> measure) : measure_(std::move(measure)) {}
    void run(bool counted) {
        const double rate = measure_();
        if (counted) rates_.push_back(rate);
    }
    const std::vector<double>& rates() const { return rates_; }

private:
    std::function<double()> measure_;
    std::vector<double> rates_;
};

/// Lets the sides take turns.
inline void take_turns(int rounds, const std::vector<Side*>& sides) {
    std::vector<std::function<void(bool)>> calls;
    for (Side* side : sides) calls.push_back([side](bool counted) { side->run(counted); });
    take_turns(rounds, calls);
}

}  // namespace speed
