#include "trainer_core/text/whole_parameters.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer_core/text/linear_modules.h"
#include "trainer_core/text/model_parameters.h"

namespace lorasweep::text {
namespace {

constexpr std::size_t kMostNamesShown = 24;

// Whether a module, or one that it is in, has a name that ends so.
bool Selects(const std::string& text, const std::string& module) {
  for (std::size_t end = module.size(); end != std::string::npos;) {
    if (absl::EndsWith(module.substr(0, end), text)) return true;
    end = end == 0 ? std::string::npos : module.rfind('.', end - 1);
  }
  return false;
}

// "embed_tokens, input_layernorm, …": the last words of the modules' names.
std::string LastWords(const std::vector<ModelParameter>& parameters) {
  std::vector<std::string> words;
  for (const ModelParameter& parameter : parameters) {
    std::string word = parameter.module.substr(parameter.module.rfind('.') + 1);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
    if (words.size() == kMostNamesShown) break;
  }
  return absl::StrJoin(words, ", ");
}

}  // namespace

absl::StatusOr<WholeParameters> ResolveWhole(const WholeChoice& choice, const std::vector<ModuleAdapter>& adapters,
                                             const ModelConfig& model, std::vector<std::string>* unused) {
  const std::vector<ModelParameter> parameters = ModelParameters(model);
  std::set<std::string> adapted;
  const std::vector<std::string> names = ModuleNames(model);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (adapters[i].rank > 0) adapted.insert(names[i]);
  }
  std::vector<bool> chosen(parameters.size(), false);
  for (const std::string& text : choice.modules_to_save) {
    bool any = false;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const std::string& module = parameters[i].module;
      if (text.empty() || !Selects(text, module)) continue;
      if (adapted.contains(module)) {
        return absl::InvalidArgumentError(
            absl::StrCat("modules_to_save: '", text, "' means ", module, " too, which gets an adapter"));
      }
      any = chosen[i] = true;
    }
    if (any) continue;
    if (unused != nullptr) {
      unused->push_back(text);
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("modules_to_save: unknown module '", text, "'; there are ", LastWords(parameters)));
  }
  WholeParameters whole;
  const std::size_t head = parameters.size() - 1;
  // PEFT knows them by these names alone.
  const bool ends =
      std::any_of(choice.modules_to_save.begin(), choice.modules_to_save.end(),
                  [](const std::string& text) { return text.ends_with("embed_tokens") || text.ends_with(kHeadPath); });
  if (choice.ensure_weight_tying && model.tie_word_embeddings && ends) {
    whole.head_is_embedding = chosen.front() = true;
    chosen[head] = false;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ModelParameter& parameter = parameters[i];
    const bool as_bias =
        parameter.bias && (choice.bias == BiasTraining::kAll ||
                           (choice.bias == BiasTraining::kLoraOnly && adapted.contains(parameter.module)));
    if (chosen[i] || as_bias) whole.places.push_back(i);
  }
  return whole;
}

TrainedCount CountTrained(const ModelConfig& model, const std::vector<ModuleAdapter>& adapters,
                          const WholeParameters& whole) {
  TrainedCount count;
  const std::vector<LinearModule> modules = LinearModules(model);
  const std::size_t in_layers = modules.size() * static_cast<std::size_t>(model.layers);
  for (std::size_t place = 0; place < adapters.size(); ++place) {
    const LinearModule& module = modules[place % modules.size()];
    // The head and the embedding are of one shape.
    const std::int64_t sides = place < in_layers ? module.in + module.out : model.vocab_size + model.hidden_size;
    count.all += adapters[place].rank * sides;
  }
  const std::vector<ModelParameter> parameters = ModelParameters(model);
  count.whole_head = whole.head_is_embedding;
  for (const std::size_t place : whole.places) {
    count.whole_head = count.whole_head || place + 1 == parameters.size();
    std::int64_t size = 1;
    for (const std::int64_t side : parameters[place].shape) size *= side;
    count.all += size;
    if (parameters[place].kind == ModelParameter::Kind::kEmbedding) count.whole_embeddings += size;
  }
  return count;
}

}  // namespace lorasweep::text
