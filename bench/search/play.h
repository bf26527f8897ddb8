#pragma once

#include <cstdio>
#include <iosfwd>
#include <string>

namespace lorasweep::bench {

// One of our samplers, and a pruner, driven by another program: a JSON object a line. The first says what is searched:
//
//   {"method": "gp", "seed": 3, "trials": 40, "space": {"x": ["float", 0, 1, false], "n": ["int", 1, 8, true],
//    "c": ["choice", ["a", "b"]]}, "steps": 27, "pruner": {"type": "asha", "rungs": [1, 3, 9]}}
//
// (low, high, whether the scale is logarithmic; the number of trials that are planned). Where trials are reported step
// by step there are "steps", of a whole trial, and "pruner", which may have "eta", "promote" and "brackets". Then, in
// any order:
//
//   {"ask": 2}               -> {"points": [{"x": 0.5, …}, …], "milliseconds": [0.3, …]}   trials are numbered from 0
//   {"tell": [[0, 0.25]]}    trial 0 has ended with this value; no answer
//   {"told": [[{"x": …}, 0.25], …]}   trials that somebody else proposed and ended; no answer
//   {"report": [1, 3, 0.4]}  -> {"verdict": "continue"}    trial 1 at step 3; also "pause" and "stop"
//
// Lower is better. Returns what is wrong with the input, empty at its end.
std::string Play(std::istream& in, std::FILE* out);

}  // namespace lorasweep::bench
