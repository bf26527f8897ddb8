#pragma once

namespace lorasweep::search {

// One visitor for std::visit out of several lambdas.
template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace lorasweep::search
