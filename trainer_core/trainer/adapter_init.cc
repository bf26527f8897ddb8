#include "trainer_core/trainer/adapter_init.h"

#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/Parallel.h>

#include "trainer_core/trainer/seeds.h"

namespace lorasweep::trainer {
namespace {

// Numbers that are functions of the stream and their place alone.
template <typename Draw>
at::Tensor Drawn(std::int64_t rows, std::int64_t columns, const Draw& draw) {
  at::Tensor values = at::empty({rows, columns}, at::kFloat);
  auto* to = values.mutable_data_ptr<float>();
  at::parallel_for(0, rows * columns, 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = draw(static_cast<std::uint64_t>(i));
  });
  return values;
}

// Box and Muller's way from two uniform numbers to a normal one.
at::Tensor Normal(std::int64_t rows, std::int64_t columns, double deviation, std::uint64_t stream) {
  return Drawn(rows, columns, [=](std::uint64_t i) {
    const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(UnitFloat(SubSeed(stream, 2 * i)))));
    const double angle = 2 * std::numbers::pi * static_cast<double>(UnitFloat(SubSeed(stream, 2 * i + 1)));
    return static_cast<float>(deviation * radius * std::cos(angle));
  });
}

struct Factors {
  at::Tensor u;  // [out, rank]
  at::Tensor s;  // [rank]
  at::Tensor v;  // [rank, in]
};

at::Tensor Basis(const at::Tensor& matrix) {
  return std::get<0>(at::linalg_qr(matrix));
}

// torch.svd_lowrank: Halko et al. 2009, algorithms 4.4 and 5.1.
Factors LowRankSvd(const at::Tensor& weight, std::int64_t rank, std::int64_t iterations, std::uint64_t stream) {
  const bool wide = weight.size(0) < weight.size(1);
  const at::Tensor tall = wide ? weight.t() : weight;
  at::Tensor basis = Basis(at::mm(tall, Normal(tall.size(1), rank, 1, stream).to(weight.device())));
  for (std::int64_t i = 0; i < iterations; ++i) {
    basis = Basis(at::mm(tall.t(), basis));
    basis = Basis(at::mm(tall, basis));
  }
  auto [u, s, v] = at::linalg_svd(at::mm(basis.t(), tall), false);
  u = at::mm(basis, u);
  return wide ? Factors{v.t(), s, u.t()} : Factors{u, s, v};
}

Factors Svd(const at::Tensor& weight, std::int64_t rank, const InitSettings& init, std::uint64_t stream) {
  if (init.pissa_niter > 0) return LowRankSvd(weight, rank, init.pissa_niter, stream);
  const auto [u, s, v] = at::linalg_svd(weight, false);
  return {u.narrow(1, 0, rank), s.narrow(0, 0, rank), v.narrow(0, 0, rank)};
}

}  // namespace

SiteStart StartSite(const InitSettings& init, LinearShape shape, const text::ModuleAdapter& adapter,
                    std::uint64_t stream, const std::function<at::Tensor()>& weight) {
  const std::int64_t rank = adapter.rank;
  switch (init.kind) {
    case InitKind::kPissa: {
      const auto [u, s, v] = Svd(weight().to(at::kFloat), rank, init, stream);
      const at::Tensor root = (s / adapter.scale).sqrt_();
      return {root.unsqueeze(1) * v, u * root.unsqueeze(0)};
    }
    case InitKind::kOlora: {
      const auto [q, r] = at::linalg_qr(weight().to(at::kFloat));
      return {r.narrow(0, 0, rank).contiguous(), q.narrow(1, 0, rank).contiguous()};
    }
    case InitKind::kGaussian:
      return {Normal(rank, shape.in, 1.0 / static_cast<double>(rank), stream), {}};
    case InitKind::kDefault:
      break;
  }
  const float bound = 1.0F / std::sqrt(static_cast<float>(shape.in));
  const at::Tensor a =
      Drawn(rank, shape.in, [=](std::uint64_t i) { return (2.0F * UnitFloat(SubSeed(stream, i)) - 1.0F) * bound; });
  return {a, {}};
}

SiteStart StartEmbedding(LinearShape shape, std::int64_t rank, std::uint64_t stream) {
  return {{}, Normal(shape.out, rank, 1, stream)};
}

}  // namespace lorasweep::trainer
