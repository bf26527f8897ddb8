#include "cli/sweep_file_aliases.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/settings.h"

namespace lorasweep::cli {
namespace {

constexpr char kPerDevice[] = "per_device_train_batch_size";
constexpr char kAccumulation[] = "gradient_accumulation_steps";

// Theirs to ours. A path with a section belongs there and not into training.
const std::map<std::string_view, std::string_view>& Aliases() {
  static const std::map<std::string_view, std::string_view> aliases = {{"num_train_epochs", "epochs"},
                                                                       {"lr", "learning_rate"},
                                                                       {"lr_scheduler_type", "schedule"},
                                                                       {"warmup_steps", "warmup"},
                                                                       {"warmup_ratio", "warmup"},
                                                                       {"optim", "optimizer"},
                                                                       {"eval_steps", "eval_every"},
                                                                       {"save_steps", "save_every"},
                                                                       {"r", "lora_rank"},
                                                                       {"lora_r", "lora_rank"},
                                                                       {"label_smoothing_factor", "label_smoothing"},
                                                                       {"max_length", "data.max_length"},
                                                                       {"max_seq_length", "data.max_length"},
                                                                       {"packing", "data.packing"},
                                                                       {"seed", "seed"}};
  return aliases;
}

// How a program runs and logs: without a meaning for what is trained.
constexpr std::string_view kIgnored[] = {
    "output_dir",    "overwrite_output_dir",   "report_to",     "run_name",
    "logging_steps", "logging_strategy",       "logging_dir",   "logging_first_step",
    "eval_strategy", "evaluation_strategy",    "save_strategy", "disable_tqdm",
    "push_to_hub",   "dataloader_num_workers", "do_train",      "do_eval"};

class Renamer {
 public:
  explicit Renamer(YamlNode* root) : root_(root) {}

  std::vector<SweepReader::Mistake> Run(std::vector<std::string>* warnings) {
    RenameTraining(warnings);
    const YamlNode* trainer = root_->Find("trainer");
    if (trainer == nullptr || trainer->text != "external") RenameParameters(warnings);
    return std::move(mistakes_);
  }

 private:
  void RenameTraining(std::vector<std::string>* warnings) {
    YamlNode* const found = root_->Find("training");
    if (found == nullptr || found->kind != YamlNode::Kind::kMap) return;
    // Taken out: keys that belong elsewhere grow the list of nodes that it lies in.
    YamlNode training = *found;
    YamlNode kept = *found;
    kept.keys.clear();
    kept.items.clear();
    std::vector<std::string> ignored;
    for (std::size_t i = 0; i < training.keys.size(); ++i) {
      const YamlNode::Key& key = training.keys[i];
      YamlNode& value = training.items[i];
      const auto alias = Aliases().find(key.text);
      if (std::find(std::begin(kIgnored), std::end(kIgnored), key.text) != std::end(kIgnored)) {
        ignored.push_back(key.text);
      } else if (key.text == kPerDevice || key.text == kAccumulation) {
        Take(key, value);
      } else if (alias != Aliases().end() && proto::FindSetting(absl::StrCat("training.", key.text)) == nullptr) {
        Move(key, std::string(alias->second), std::move(value), &kept);
      } else {
        Move(key, key.text, std::move(value), &kept);
      }
    }
    *root_->Find("training") = std::move(kept);
    AddBatch();
    TellIgnored("training", ignored, warnings);
  }

  // What is searched, as files that drive a training program of its own name it.
  void RenameParameters(std::vector<std::string>* warnings) {
    YamlNode* const found = root_->Find("parameters");
    if (found == nullptr || found->kind != YamlNode::Kind::kMap) return;
    section_ = "parameters";
    YamlNode kept = *found;
    kept.keys.clear();
    kept.items.clear();
    std::vector<std::string> ignored;
    YamlNode training;
    training.kind = YamlNode::Kind::kMap;
    for (std::size_t i = 0; i < found->keys.size(); ++i) {
      const YamlNode::Key& key = found->keys[i];
      YamlNode& value = found->items[i];
      const auto alias = Aliases().find(key.text);
      const bool constant = value.kind == YamlNode::Kind::kMap && value.Find("value") != nullptr;
      if (constant && std::find(std::begin(kIgnored), std::end(kIgnored), key.text) != std::end(kIgnored)) {
        ignored.push_back(key.text);
      } else if (key.text == kAccumulation || (key.text == kPerDevice && found->Find(kAccumulation) != nullptr)) {
        Mistake(key, "is a part of a step; search batch_size, which is what one step takes in all");
      } else if (key.text == kPerDevice) {
        Put(key, "batch_size", std::move(value), &kept);
      } else if (key.text == "epochs" || key.text == "num_train_epochs") {
        // Steps are counted from it before there is any trial.
        if (constant) {
          Put(key, "epochs", *value.Find("value"), &training);
        } else {
          Mistake(key, "may be a constant only: trials of different lengths would not compare");
        }
      } else if (alias != Aliases().end() && alias->second != "seed" &&
                 proto::FindSetting(absl::StrCat("training.", key.text)) == nullptr) {
        const std::string name(alias->second.substr(alias->second.rfind('.') + 1));
        Put(key, name, std::move(value), &kept);
      } else {
        kept.keys.push_back(key);
        kept.items.push_back(std::move(value));
      }
    }
    *found = std::move(kept);
    TellIgnored("parameters", ignored, warnings);
    AddToTraining(std::move(training));
  }

  void AddToTraining(YamlNode more) {
    if (more.keys.empty()) return;
    YamlNode* training = root_->Find("training");
    if (training == nullptr) {
      root_->keys.push_back({"training", more.keys.front().line});
      root_->items.push_back(std::move(more));
    } else if (training->kind == YamlNode::Kind::kMap) {
      Put(more.keys.front(), more.keys.front().text, std::move(more.items.front()), training);
    }
  }

  static void TellIgnored(const char* section, const std::vector<std::string>& ignored,
                          std::vector<std::string>* warnings) {
    if (ignored.empty() || warnings == nullptr) return;
    warnings->push_back(absl::StrCat(section, ": ", absl::StrJoin(ignored, ", "), ": without a meaning here"));
  }

  void Mistake(const YamlNode::Key& key, std::string message) {
    mistakes_.push_back({key.line, absl::StrCat(section_, ".", key.text), std::move(message)});
  }

  void Put(const YamlNode::Key& as, const std::string& name, YamlNode value, YamlNode* map) {
    if (map->Find(name) != nullptr) {
      Mistake(as, absl::StrCat("is given twice: as ", as.text, " and as ", name));
      return;
    }
    map->keys.push_back({name, as.line});
    map->items.push_back(std::move(value));
  }

  void Move(const YamlNode::Key& key, const std::string& path, YamlNode value, YamlNode* training) {
    const std::size_t dot = path.find('.');
    if (dot == std::string::npos) return Put(key, path, std::move(value), path == "seed" ? root_ : training);
    YamlNode* section = root_->Find(path.substr(0, dot));
    if (section != nullptr && section->kind == YamlNode::Kind::kMap) {
      Put(key, path.substr(dot + 1), std::move(value), section);
    } else {
      Mistake(key, absl::StrCat("belongs into ", path.substr(0, dot), ", which the file does not have"));
    }
  }

  void Take(const YamlNode::Key& key, const YamlNode& value) {
    const search::Value typed = value.kind == YamlNode::Kind::kScalar ? TypedValue(value) : search::Value(false);
    const auto* count = std::get_if<std::int64_t>(&typed);
    if (count == nullptr || *count < 1 || *count > 65536) {
      Mistake(key, absl::StrCat(value.text, " is not allowed (a whole number from 1 to 65536)"));
      return;
    }
    (key.text == kPerDevice ? per_device_ : accumulation_) = {key, *count};
  }

  void AddBatch() {
    if (!mistakes_.empty() || (per_device_.second == 0 && accumulation_.second == 0)) return;
    if (per_device_.second == 0) {
      Mistake(accumulation_.first,
              absl::StrCat("needs ", kPerDevice, "; here batch_size is what one step takes in all"));
      return;
    }
    YamlNode* training = root_->Find("training");
    YamlNode number;
    number.kind = YamlNode::Kind::kScalar;
    number.line = per_device_.first.line;
    number.text = absl::StrCat(per_device_.second);
    Put(per_device_.first, "micro_batch_size", number, training);
    number.text = absl::StrCat(per_device_.second * std::max<std::int64_t>(1, accumulation_.second));
    Put(per_device_.first, "batch_size", number, training);
  }

  YamlNode* root_;
  const char* section_ = "training";  // that is being renamed
  std::pair<YamlNode::Key, std::int64_t> per_device_;
  std::pair<YamlNode::Key, std::int64_t> accumulation_;
  std::vector<SweepReader::Mistake> mistakes_;
};

}  // namespace

std::vector<SweepReader::Mistake> RenameForeignKeys(YamlNode* root, std::vector<std::string>* warnings) {
  if (root->kind != YamlNode::Kind::kMap) return {};
  return Renamer(root).Run(warnings);
}

}  // namespace lorasweep::cli
