#include "tests/support/tiny_model.h"

#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace lorasweep::testing {

std::filesystem::path MakeTinyChatModel(const std::filesystem::path& folder) {
  const std::filesystem::path model = folder / "tiny-chat";
  std::filesystem::create_directories(model);
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    std::filesystem::copy_file(SharedDir() / "models/stories260K" / file, model / file);
    std::filesystem::permissions(model / file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  }
  auto config = nlohmann::json::parse(ReadFile(SharedDir() / "models/stories260K/tokenizer_config.json"));
  // The space after the colon belongs to the first word's token, so the prompt ends before it.
  config["chat_template"] =
      "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";
  WriteFile(model / "tokenizer_config.json", config.dump(1));
  return model;
}

std::string TinyConversations(int rows) {
  const char* names[] = {"Lily", "Tom", "Mia", "Ben", "Sue"};
  const char* things[] = {"a red ball", "a small dog", "the big park", "a blue car"};
  std::string text;
  for (int row = 0; row < rows; ++row) {
    const std::string name = names[row % 5];
    const std::string thing = things[(row / 5) % 4];
    const std::string count = std::to_string(row);
    text += nlohmann::json{{"conversations",
                            {{{"from", "human"}, {"value", "Tell me of " + name + " on day " + count + "."}},
                             {{"from", "gpt"},
                              {"value", "Once upon a time, " + name + " saw " + thing + ". " + name + " was happy."}}}}}
                .dump() +
            "\n";
  }
  return text;
}

}  // namespace lorasweep::testing
