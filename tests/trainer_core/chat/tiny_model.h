#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/paths.h"
#include "trainer_core/chat/supervision.h"
#include "trainer_core/text/utf8.h"

// A tokenizer with one token a byte and the markers of the usual templates: what is learned can be read off the text.
namespace lorasweep::testing {

inline const std::vector<std::string>& Markers() {
  static const std::vector<std::string> markers = {
      "<s>",      "</s>",    "<|im_start|>",        "<|im_end|>",        "<|begin_of_text|>", "<|eot_id|>",
      "<bos>",    "<eos>",   "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>",   "<end_of_turn>",
      "<|turn|>", "<|bot|>", "<|answer|>",          "<|end_answer|>",    "<|end_turn|>",      "<think>",
      "</think>",
  };
  return markers;
}

// How GPT-2 writes a byte as a character.
inline std::string ByteCharacter(int byte) {
  const auto printable = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  };
  char32_t code = static_cast<char32_t>(byte);
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  std::string text;
  text::AppendUtf8(code, text);
  return text;
}

inline constexpr std::int64_t kTinyVocabulary = 300;

inline nlohmann::json TinyTokenizer() {
  nlohmann::json vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary[ByteCharacter(byte)] = byte;
  nlohmann::json added = nlohmann::json::array();
  for (std::size_t i = 0; i < Markers().size(); ++i) {
    added.push_back({{"id", 256 + i},
                     {"content", Markers()[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", Markers()[i].find("think") == std::string::npos}});
  }
  const nlohmann::json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", vocabulary},
            {"merges", nlohmann::json::array()}}}};
}

inline void WriteFile(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

inline std::string ReadFile(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline std::string TemplateSource(const std::string& name) {
  const auto file = SourceDir() / "tests/trainer_core/chat/templates" / (name + ".jinja");
  const std::string source = ReadFile(file);
  INFO(file);
  REQUIRE_FALSE(source.empty());
  return source;
}

inline std::map<std::string, std::string> TinySpecialTokens() {
  return {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"pad_token", "</s>"}};
}

// A supervisor with the tiny tokenizer and the template of that name.
inline chat::Supervisor TinySupervisor(const std::string& source, chat::LossOn loss_on = chat::LossOn::kAssistant) {
  auto chat_template = chat::ChatTemplate::Parse(source, TinySpecialTokens());
  INFO(chat_template.status().ToString());
  REQUIRE(chat_template.ok());
  auto tokenizer = text::Tokenizer::Parse(TinyTokenizer().dump(), "tiny");
  INFO(tokenizer.status().ToString());
  REQUIRE(tokenizer.ok());
  return chat::Supervisor(std::move(chat_template), TinySpecialTokens(), *std::move(tokenizer), {.loss_on = loss_on});
}

// A model folder that data can be prepared for; without a source it has no chat template.
inline void WriteTinyModel(const std::filesystem::path& folder, const std::string& source) {
  std::filesystem::create_directories(folder);
  WriteFile(folder / "tokenizer.json", TinyTokenizer().dump());
  nlohmann::json config = TinySpecialTokens();
  if (!source.empty()) config["chat_template"] = source;
  WriteFile(folder / "tokenizer_config.json", config.dump());
  const nlohmann::json model = {{"architectures", {"LlamaForCausalLM"}},
                                {"model_type", "llama"},
                                {"bos_token_id", 256},
                                {"eos_token_id", 257},
                                {"hidden_act", "silu"},
                                {"hidden_size", 16},
                                {"intermediate_size", 32},
                                {"max_position_embeddings", 512},
                                {"num_attention_heads", 2},
                                {"num_hidden_layers", 1},
                                {"num_key_value_heads", 1},
                                {"rms_norm_eps", 1e-5},
                                {"rope_theta", 10000.0},
                                {"tie_word_embeddings", true},
                                {"torch_dtype", "float32"},
                                {"vocab_size", kTinyVocabulary}};
  WriteFile(folder / "config.json", model.dump());
}

}  // namespace lorasweep::testing
