// How a slot begins, goes on from a checkpoint, and is written.
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "trainer_core/trainer/adapter_io.h"
#include "trainer_core/trainer/pack_run.h"

namespace lorasweep::trainer {
namespace {

// Tensors of a checkpoint.
constexpr char kFirstMoments[] = "adamw.first_moments";
constexpr char kSecondMoments[] = "adamw.second_moments";
constexpr char kMomentsIn8bit[] = "moments_in_8bit";
constexpr char kBestAdapter[] = "best_adapter";

at::Tensor Copy(const std::vector<float>& values) {
  // from_blob takes a mutable pointer; nothing is written through it.
  return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kFloat)
      .clone();
}

}  // namespace

absl::Status PackRun::Start(Slot& slot) {
  if (!slot.setup.values.empty()) {
    bank_->Insert(slot.setup.values, slot.number, bank_->parameters());
    return absl::OkStatus();
  }
  absl::Status started = bank_->Start(slot.number, slot.job->config.init_lora_weights);
  if (started.ok()) return started;
  return absl::Status(started.code(), absl::StrCat(slot.job->name, ": ", std::string{started.message()}));
}

Adapter PackRun::WholeAdapter(const Slot& slot, std::vector<float> values) {
  Adapter adapter{.config = slot.setup.config, .values = std::move(values)};
  if (!slot.setup.TakesFromBase(slot.job->config)) return adapter;
  return OnWholeBase(resident_.model.config(), adapter, bank_->Extract(bank_->initial(), slot.number));
}

absl::Status PackRun::Restore(Slot& slot) {
  const text::ModelConfig& model = resident_.model.config();
  const AdapterConfig& own = slot.setup.config;
  const bool joined = slot.setup.TakesFromBase(slot.job->config);
  const absl::StatusOr<Checkpoint> checkpoint =
      ReadCheckpoint(slot.job->checkpoint, slot.identity, (joined ? OnWholeBase(own) : own).Layout(model));
  if (!checkpoint.ok()) return checkpoint.status();
  if (joined) {
    const TakenApart parts = TakeApart(model, own, checkpoint->parameters);
    bank_->AllocateInitial();
    bank_->Insert(parts.values, slot.number, bank_->parameters());
    bank_->Insert(parts.initial, slot.number, bank_->initial());
  } else {
    bank_->Insert(checkpoint->parameters, slot.number, bank_->parameters());
  }
  const std::int64_t size = bank_->solo_layout(slot.number).size();
  if (absl::Status restored = RestoreMoments(slot, *checkpoint); !restored.ok()) return restored;
  if (absl::Status restored = slot.history.Restore(checkpoint->notes); !restored.ok()) return restored;
  if (absl::Status restored = slot.guard.Restore(checkpoint->notes); !restored.ok()) return restored;
  if (slot.job->config.load_best_model_at_end && slot.history.best()) {
    absl::StatusOr<std::vector<float>> best = checkpoint->Floats(kBestAdapter, size);
    if (!best.ok()) return best.status();
    slot.best = *std::move(best);
  }
  slot.step = checkpoint->step;
  slot.sequences = checkpoint->sequences;
  slot.tokens = checkpoint->tokens;
  return absl::OkStatus();
}

absl::Status PackRun::RestoreMoments(const Slot& slot, const Checkpoint& checkpoint) {
  if (Moments8bit* const moments = bank_->moments_8bit(slot.number); moments != nullptr) {
    const auto found = checkpoint.state.find(kMomentsIn8bit);
    const auto bytes = static_cast<std::size_t>(moments->state().numel());
    if (found == checkpoint.state.end() || found->second.bytes.size() != bytes) {
      return absl::InvalidArgumentError(absl::StrCat("checkpoint ", slot.job->checkpoint.string(), ": tensor ",
                                                     kMomentsIn8bit, " is missing or of the wrong size"));
    }
    at::Tensor state = at::empty({moments->state().numel()}, at::kByte);
    std::memcpy(state.data_ptr(), found->second.bytes.data(), bytes);
    moments->state().copy_(state);
    return absl::OkStatus();
  }
  const std::int64_t size = bank_->solo_layout(slot.number).size();
  for (const auto& [name, tensor] :
       {std::pair{kFirstMoments, &bank_->first_moments()}, std::pair{kSecondMoments, &bank_->second_moments()}}) {
    const absl::StatusOr<std::vector<float>> values = checkpoint.Floats(name, size);
    if (!values.ok()) return values.status();
    bank_->Insert(*values, slot.number, *tensor);
  }
  return absl::OkStatus();
}

void PackRun::SaveMoments(const Slot& slot, Checkpoint& checkpoint) {
  if (Moments8bit* const moments = bank_->moments_8bit(slot.number); moments != nullptr) {
    const at::Tensor state = moments->state().cpu();
    const auto* bytes = static_cast<const std::byte*>(state.const_data_ptr());
    checkpoint.state[kMomentsIn8bit] = {
        .dtype = text::DType::kU8, .shape = {state.numel()}, .bytes = {bytes, bytes + state.numel()}};
    return;
  }
  checkpoint.SetFloats(kFirstMoments, bank_->Extract(bank_->first_moments(), slot.number));
  checkpoint.SetFloats(kSecondMoments, bank_->Extract(bank_->second_moments(), slot.number));
}

absl::Status PackRun::SaveCheckpoint(const Slot& slot) {
  const std::filesystem::path file = slot.job->output_folder / "checkpoint.safetensors";
  std::error_code error;
  std::filesystem::create_directories(slot.job->output_folder, error);
  const text::ModelConfig& model = resident_.model.config();
  const Adapter adapter = WholeAdapter(slot, bank_->Extract(bank_->parameters(), slot.number));
  Checkpoint checkpoint{.step = slot.step,
                        .sequences = slot.sequences,
                        .tokens = slot.tokens,
                        .adapter_config = AdapterConfigText(model, adapter.config),
                        .parameters = adapter.values,
                        .state = {},
                        .notes = {}};
  SaveMoments(slot, checkpoint);
  if (!slot.best.empty()) checkpoint.SetFloats(kBestAdapter, slot.best);
  slot.history.Save(checkpoint.notes);
  slot.guard.Save(checkpoint.notes);
  if (absl::Status written =
          WriteCheckpoint(file, slot.identity, adapter.config.Layout(model), checkpoint, slot.job->durability);
      !written.ok()) {
    return written;
  }
  observer_.OnCheckpoint(slot.index, slot.step, file);
  return absl::OkStatus();
}

absl::Status PackRun::SaveAdapter(const Slot& slot) {
  AdapterConfig config = slot.setup.config;
  at::Tensor values;
  if (slot.setup.TakesFromBase(slot.job->config)) {
    Adapter adapter =
        WholeAdapter(slot, slot.best.empty() ? bank_->Extract(bank_->parameters(), slot.number) : slot.best);
    config = std::move(adapter.config);
    values = Copy(adapter.values);
  } else if (!slot.best.empty()) {
    values = Copy(slot.best);
  } else {
    // The slot takes no further step: what is there is not copied, so that the next trial need not wait for that.
    values = bank_->Values(bank_->parameters(), slot.number);
  }
  return observer_.OnAdapter(
      slot.index, [folder = slot.job->output_folder / "adapter", config = std::move(config), values = std::move(values),
                   model = resident_.model.config(), durability = slot.job->durability] {
        const std::span parameters(values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel()));
        return WriteAdapter(folder, model, config, parameters, durability);
      });
}

}  // namespace lorasweep::trainer
