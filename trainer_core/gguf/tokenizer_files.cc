#include "trainer_core/gguf/tokenizer_files.h"

#include <cmath>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "trainer_core/gguf/pre_tokenizers.h"
#include "trainer_core/gguf/spm_merges.h"
#include "trainer_core/gguf/vocabulary.h"
#include "trainer_core/text/json_fields.h"

namespace lorasweep::gguf {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Bad(const GgufFile& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file.Path().string(), ": ", what));
}

Json AddedToken(const std::string& content, bool special) {
  return {{"content", content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},    {"normalized", false},  {"special", special}};
}

Json AddedTokens(const Vocabulary& vocabulary) {
  Json list = Json::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (!IsAdded(vocabulary.types[id])) continue;
    Json entry = {{"id", id}};
    entry.update(AddedToken(vocabulary.tokens[id], IsSpecial(vocabulary.types[id])));
    list.push_back(std::move(entry));
  }
  return list;
}

absl::StatusOr<Json> VocabularyMap(const GgufFile& file, const Vocabulary& vocabulary) {
  // An ordered_json object searches linearly on insertion; emplace_back does not.
  Json::object_t map;
  std::unordered_set<std::string> seen;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.types[id] == kUnused) continue;
    if (!seen.insert(vocabulary.tokens[id]).second) {
      return Bad(file,
                 absl::StrCat("tokenizer.ggml.tokens: token ", id, " '", vocabulary.tokens[id], "' occurs twice"));
    }
    map.emplace_back(vocabulary.tokens[id], id);
  }
  return Json(std::move(map));
}

Json PostProcessor(const Vocabulary& vocabulary) {
  if (!vocabulary.add_bos && !vocabulary.add_eos) return nullptr;
  Json single = Json::array(), pair = Json::array(), special_tokens = Json::object();
  auto token = [&](std::int64_t id, int sequence) -> Json {
    const std::string& text = vocabulary.tokens[static_cast<std::size_t>(id)];
    special_tokens[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    return {{"SpecialToken", {{"id", text}, {"type_id", sequence}}}};
  };
  int index = 0;
  for (const char* name : {"A", "B"}) {
    Json items = Json::array();
    if (vocabulary.add_bos) items.push_back(token(*vocabulary.bos, index));
    items.push_back({{"Sequence", {{"id", name}, {"type_id", index}}}});
    if (vocabulary.add_eos) items.push_back(token(*vocabulary.eos, index));
    if (index == 0) single = items;
    for (Json& item : items) pair.push_back(std::move(item));
    ++index;
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special_tokens}};
}

Json ByteLevel(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json SplitThenBytes(const char* regex) {
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, ByteLevel(false)}}};
}

absl::Status FillByteLevel(const GgufFile& file, Vocabulary& vocabulary, Json& tokenizer) {
  auto pre = file.Text("tokenizer.ggml.pre");
  if (!pre.ok()) return pre.status();
  Json& model = tokenizer["model"];
  bool default_add_bos = false;
  if (*pre == "smollm") {
    tokenizer["pre_tokenizer"] = {
        {"type", "Sequence"}, {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, ByteLevel(true)}}};
  } else if (*pre == "gpt-2") {
    tokenizer["pre_tokenizer"] = ByteLevel(true);
  } else if (*pre == "llama-bpe" || *pre == "llama3" || *pre == "llama-v3") {
    tokenizer["pre_tokenizer"] = SplitThenBytes(kLlama3Regex);
    model["ignore_merges"] = true;
    default_add_bos = true;
  } else if (*pre == "qwen2") {
    tokenizer["normalizer"] = {{"type", "NFC"}};
    tokenizer["pre_tokenizer"] = SplitThenBytes(kQwen2Regex);
  } else {
    return absl::UnimplementedError(absl::StrCat(file.Path().string(), ": tokenizer.ggml.pre ", *pre,
                                                 " is not known (known: smollm, gpt-2, llama-bpe, qwen2)"));
  }
  tokenizer["decoder"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  auto merges = file.Texts("tokenizer.ggml.merges");
  if (!merges.ok()) return merges.status();
  for (const std::string& merge : *merges) {
    const std::size_t space = merge.find(' ');
    if (space == 0 || space == std::string::npos || space + 1 == merge.size() ||
        merge.find(' ', space + 1) != std::string::npos) {
      return Bad(file, absl::StrCat("tokenizer.ggml.merges: '", merge, "' is not two parts with a space between them"));
    }
  }
  model["merges"] = *std::move(merges);
  return ReadAddFlags(file, default_add_bos, vocabulary);
}

absl::Status FillSentencepiece(const GgufFile& file, Vocabulary& vocabulary, Json& tokenizer) {
  auto scores = file.Reals("tokenizer.ggml.scores");
  if (!scores.ok()) return scores.status();
  if (scores->size() != vocabulary.tokens.size()) {
    return Bad(file, absl::StrCat("tokenizer.ggml.scores has ", scores->size(), " values for ",
                                  vocabulary.tokens.size(), " tokens"));
  }
  std::vector<ScoredPiece> pieces;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.types[id] != kNormal) continue;
    if (std::isnan((*scores)[id]))
      return Bad(file, absl::StrCat("tokenizer.ggml.scores: token ", id, " has no number"));
    pieces.push_back({.text = vocabulary.tokens[id], .score = (*scores)[id]});
  }
  auto space_prefix = BoolOr(file, "tokenizer.ggml.add_space_prefix", true);
  if (!space_prefix.ok()) return space_prefix.status();

  const Json underscores = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  Json decoders = {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  Json normalizers = Json::array();
  if (*space_prefix) {
    normalizers.push_back({{"type", "Prepend"}, {"prepend", "▁"}});
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  normalizers.push_back(underscores);
  tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  tokenizer["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};

  Json& model = tokenizer["model"];
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.types[id] == kUnknown) model["unk_token"] = vocabulary.tokens[id];
  }
  model["fuse_unk"] = true;
  model["byte_fallback"] = true;
  Json::array_t merges;
  for (auto& [left, right] : MergesFromScores(pieces)) merges.push_back(Json::array({left, right}));
  model["merges"] = std::move(merges);
  return ReadAddFlags(file, /*default_add_bos=*/true, vocabulary);
}

void NameToken(const Vocabulary& vocabulary, std::optional<std::int64_t> id, const char* name, Json& json) {
  if (id) json[name] = vocabulary.tokens[static_cast<std::size_t>(*id)];
}

Json SpecialTokensMap(const Vocabulary& vocabulary) {
  Json map = Json::object();
  NameToken(vocabulary, vocabulary.bos, "bos_token", map);
  NameToken(vocabulary, vocabulary.eos, "eos_token", map);
  NameToken(vocabulary, vocabulary.pad, "pad_token", map);
  NameToken(vocabulary, vocabulary.unknown, "unk_token", map);
  return map;
}

absl::StatusOr<Json> TokenizerConfig(const GgufFile& file, const Vocabulary& vocabulary, std::int64_t context_length) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"model_max_length", context_length}};
  config.update(SpecialTokensMap(vocabulary));
  Json::object_t decoder;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::int64_t type = vocabulary.types[id];
    if (IsAdded(type)) decoder.emplace_back(std::to_string(id), AddedToken(vocabulary.tokens[id], IsSpecial(type)));
  }
  config["added_tokens_decoder"] = std::move(decoder);
  if (file.Has("tokenizer.chat_template")) {
    auto chat_template = file.Text("tokenizer.chat_template");
    if (!chat_template.ok()) return chat_template.status();
    config["chat_template"] = *std::move(chat_template);
  }
  return config;
}

Json GenerationConfig(const Vocabulary& vocabulary) {
  Json config = Json::object();
  if (vocabulary.bos) config["bos_token_id"] = *vocabulary.bos;
  if (vocabulary.eos && vocabulary.eot && *vocabulary.eos != *vocabulary.eot) {
    config["eos_token_id"] = {*vocabulary.eos, *vocabulary.eot};
  } else if (vocabulary.eos) {
    config["eos_token_id"] = *vocabulary.eos;
  }
  if (vocabulary.pad) config["pad_token_id"] = *vocabulary.pad;
  return config;
}

}  // namespace

absl::StatusOr<TokenizerFiles> BuildTokenizerFiles(const GgufFile& file, std::int64_t vocab_rows,
                                                   std::int64_t context_length) {
  auto kind = file.Text("tokenizer.ggml.model");
  if (!kind.ok()) return kind.status();
  auto vocabulary = ReadVocabulary(file, vocab_rows);
  if (!vocabulary.ok()) return vocabulary.status();
  auto vocabulary_map = VocabularyMap(file, *vocabulary);
  if (!vocabulary_map.ok()) return vocabulary_map.status();

  Json tokenizer = {{"version", "1.0"},
                    {"truncation", nullptr},
                    {"padding", nullptr},
                    {"added_tokens", AddedTokens(*vocabulary)},
                    {"normalizer", nullptr},
                    {"pre_tokenizer", nullptr},
                    {"post_processor", nullptr},
                    {"decoder", nullptr},
                    {"model",
                     {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", false},
                      {"vocab", nullptr},
                      {"merges", nullptr}}}};
  absl::Status filled;
  if (*kind == "gpt2") {
    filled = FillByteLevel(file, *vocabulary, tokenizer);
  } else if (*kind == "llama") {
    filled = FillSentencepiece(file, *vocabulary, tokenizer);
  } else {
    filled = absl::UnimplementedError(
        absl::StrCat(file.Path().string(), ": tokenizer.ggml.model ", *kind, " is not known (known: gpt2, llama)"));
  }
  if (!filled.ok()) return filled;
  tokenizer["model"]["vocab"] = *std::move(vocabulary_map);
  tokenizer["post_processor"] = PostProcessor(*vocabulary);
  auto config = TokenizerConfig(file, *vocabulary, context_length);
  if (!config.ok()) return config.status();

  TokenizerFiles files;
  try {
    files.tokenizer_json = tokenizer.dump(1) + "\n";
    files.tokenizer_config_json = config->dump(2) + "\n";
    files.special_tokens_map_json = SpecialTokensMap(*vocabulary).dump(2) + "\n";
    files.generation_config_json = GenerationConfig(*vocabulary).dump(2) + "\n";
  } catch (const Json::exception& exception) {
    return Bad(file, absl::StrCat("the tokenizer's texts are not UTF-8: ", text::JsonCause(exception)));
  }
  files.bos_id = vocabulary->bos;
  files.eos_id = vocabulary->eos;
  files.pad_id = vocabulary->pad;
  return files;
}

}  // namespace lorasweep::gguf
