#pragma once

#include <cstdint>

namespace lorasweep::search {

inline constexpr int kSobolDimensions = 64;

// Coordinate `dimension`, below kSobolDimensions, of point `index` of Sobol's sequence with the direction numbers of
// Joe and Kuo (2008), in Gray code order as scipy has it. In [0, 1).
double SobolCoordinate(int dimension, std::uint32_t index);

// The same of a randomised sequence: Owen's scrambling of the first 32 bits by a hash (Burley 2020), which keeps the
// even spread of every prefix of 2^k points and makes each point uniform. In (0, 1). Seeds are independent of each
// other.
double ScrambledSobolCoordinate(int dimension, std::uint32_t index, std::uint64_t seed);

}  // namespace lorasweep::search
