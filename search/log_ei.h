#pragma once

namespace lorasweep::search {

// log(φ(z) + z Φ(z)): the logarithm of expected improvement over 0 of a normal variable with mean -z and deviation 1
// that is to be small. Finite for every finite |z| below about 1e150, to a relative accuracy of about 1e-12 (Ament et
// al. 2023).
double LogImprovement(double z);

// Its derivative by z: Φ(z) / (φ(z) + z Φ(z)).
double LogImprovementSlope(double z);

}  // namespace lorasweep::search
