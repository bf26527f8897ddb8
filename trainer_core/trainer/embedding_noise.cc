#include "trainer_core/trainer/embedding_noise.h"

#include <algorithm>
#include <cmath>

#include "trainer_core/trainer/cpu_tensors.h"
#include "trainer_core/trainer/seeds.h"

namespace lorasweep::trainer {

void AddEmbeddingNoise(const LoraPass& pass, const std::vector<Segment>& segments, at::Tensor& embeddings) {
  const bool any =
      std::any_of(pass.slots.begin(), pass.slots.end(), [](const PassSlot& s) { return s.noise_alpha > 0; });
  if (!pass.training() || !any) return;
  const std::int64_t width = embeddings.size(2);
  std::vector<float> reach;  // of alpha 1, by token
  for (const Segment& segment : segments) {
    const double elements = static_cast<double>(segment.sequence_length * width);
    reach.insert(reach.end(), static_cast<std::size_t>(segment.length), static_cast<float>(1 / std::sqrt(elements)));
  }
  reach.resize(static_cast<std::size_t>(embeddings.size(1)), 0.0F);  // padding
  const at::Tensor unit = at::tensor(reach, at::kFloat).to(embeddings.device());
  for (std::size_t slot = 0; slot < pass.slots.size(); ++slot) {
    const PassSlot& settings = pass.slots[slot];
    if (settings.noise_alpha == 0) continue;
    const at::Tensor rows = embeddings.select(0, static_cast<std::int64_t>(slot));
    const at::Tensor bounds = unit * settings.noise_alpha;
    if (HasKernels(rows)) {
      WithElementType(rows, [&]<typename T>(T) {
        kernels::AddNoise(settings.noise_seed, settings.first_token, Data<float>(bounds), Data<T>(rows), rows.size(0),
                          width);
      });
    } else if (rows.is_cpu()) {
      at::Tensor noise = at::zeros(rows.sizes(), at::kFloat);
      kernels::AddNoise(settings.noise_seed, settings.first_token, Data<float>(bounds), Data<float>(noise),
                        rows.size(0), width);
      rows.add_(noise);
    } else {
      at::Generator generator = at::globalContext().defaultGenerator(rows.device()).clone();
      generator.set_current_seed(SubSeed(settings.noise_seed, static_cast<std::uint64_t>(settings.first_token)));
      const at::Tensor noise = at::empty(rows.sizes(), bounds.options()).uniform_(-1, 1, generator);
      rows.add_(noise.mul_(bounds.unsqueeze(1)));
    }
  }
}

}  // namespace lorasweep::trainer
