#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// Which rows are taken, at random: the same on every machine, decided by a seed. Pure.
namespace lorasweep::chat {

// What a choice is for: different purposes are independent of each other.
enum class Purpose : std::uint64_t { kCap = 1, kValidation = 2, kTest = 3, kWeights = 4, kCapWeights = 5 };

// A random number for (seed, purpose, index): splitmix64 finaliser over their mix.
std::uint64_t RandomKey(std::uint64_t seed, Purpose purpose, std::uint64_t index);

// `count` of the indices 0 .. size-1 (all when there are fewer), each equally likely, as flags.
std::vector<bool> ChooseAtRandom(std::size_t size, std::size_t count, std::uint64_t seed, Purpose purpose);

// How often each row is used when `total` rows are drawn from files by weight: rows[i] is the file of row i, and file f
// gets round(total · weights[f] / Σ weights) uses (largest remainders, so that they sum to `total`; files without rows
// count for nothing). A file's uses are spread evenly: whole passes over its rows, and one more of some rows chosen at
// random. Requires a positive weight for each file and at least one row.
std::vector<std::int64_t> UsesByWeight(const std::vector<std::size_t>& rows, const std::vector<double>& weights,
                                       std::int64_t total, std::uint64_t seed, Purpose purpose);

}  // namespace lorasweep::chat
