// OnWholeBase and TakeApart of adapter_io.h.
#include <algorithm>
#include <cmath>

#include "trainer_core/trainer/adapter_io.h"

namespace lorasweep::trainer {
namespace {

// Calls copy(from, to, to of the initial, count, its sign) for rows of matrices that have lengths of their own, and
// copy_same(from, to, count) for what has no initial: magnitudes and what is trained whole.
template <typename Copy, typename CopySame>
void ForEachRow(const AdapterLayout& own, const AdapterLayout& joined, const Copy& copy, const CopySame& copy_same) {
  for (std::size_t i = 0; i < own.sites().size(); ++i) {
    const LoraSite& site = own.sites()[i];
    const LoraSite& place = joined.sites()[i];
    const std::int64_t half = site.rank * site.shape.in;
    copy(site.a_offset, place.a_offset, place.a_offset + half, half, 1.0F);
    for (std::int64_t row = 0; row < site.shape.out; ++row) {
      const std::int64_t to = place.b_offset + row * place.rank;
      copy(site.b_offset + row * site.rank, to, to + site.rank, site.rank, -1.0F);
    }
    if (own.magnitudes() && !site.embedding) copy_same(site.m_offset, place.m_offset, site.shape.out);
  }
  for (std::size_t i = 0; i < own.whole().size(); ++i) {
    const WholeSite& site = own.whole()[i];
    copy_same(site.offset, joined.whole()[i].offset, site.rows * site.columns);
  }
}

}  // namespace

AdapterConfig OnWholeBase(AdapterConfig config) {
  // The scale stays: alpha grows as the rank's part in it does.
  const double factor = config.use_rslora ? std::sqrt(2.0) : 2.0;
  config.rank *= 2;
  config.alpha *= factor;
  for (text::ModuleAdapter& module : config.modules) {
    module.rank *= 2;
    module.alpha *= factor;
  }
  return config;
}

Adapter OnWholeBase(const text::ModelConfig& model, const Adapter& trained, std::span<const float> initial) {
  Adapter joined{.config = OnWholeBase(trained.config), .values = {}};
  const AdapterLayout own = trained.config.Layout(model);
  const AdapterLayout layout = joined.config.Layout(model);
  joined.values.resize(static_cast<std::size_t>(layout.size()));
  ForEachRow(
      own, layout,
      [&](std::int64_t from, std::int64_t to, std::int64_t to_initial, std::int64_t count, float sign) {
        for (std::int64_t i = 0; i < count; ++i) {
          const auto at = static_cast<std::size_t>(from + i);
          joined.values[static_cast<std::size_t>(to + i)] = trained.values[at];
          joined.values[static_cast<std::size_t>(to_initial + i)] = sign * initial[at];
        }
      },
      [&](std::int64_t from, std::int64_t to, std::int64_t count) {
        std::copy_n(trained.values.begin() + from, count, joined.values.begin() + to);
      });
  return joined;
}

TakenApart TakeApart(const text::ModelConfig& model, const AdapterConfig& config, std::span<const float> joined) {
  const AdapterLayout own = config.Layout(model);
  const AdapterLayout layout = OnWholeBase(config).Layout(model);
  TakenApart parts;
  parts.values.resize(static_cast<std::size_t>(own.size()));
  parts.initial.resize(static_cast<std::size_t>(own.size()));
  ForEachRow(
      own, layout,
      [&](std::int64_t from, std::int64_t to, std::int64_t to_initial, std::int64_t count, float sign) {
        for (std::int64_t i = 0; i < count; ++i) {
          const auto at = static_cast<std::size_t>(from + i);
          parts.values[at] = joined[static_cast<std::size_t>(to + i)];
          parts.initial[at] = sign * joined[static_cast<std::size_t>(to_initial + i)];
        }
      },
      [&](std::int64_t to, std::int64_t from, std::int64_t count) {
        std::copy_n(joined.begin() + from, count, parts.values.begin() + to);
      });
  return parts;
}

}  // namespace lorasweep::trainer
