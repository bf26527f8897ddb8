#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/answer_engine.h"
#include "trainer_core/text/tokenizer.h"

// What is asked of llama-server, and what it answers, without the HTTP around it (llama.cpp, tools/server/README.md,
// POST /completion).
namespace lorasweep::cli {

// The body that asks for a text, in a stream: by the base alone (model 0), or with one of `adapters` (--lora) and none
// of the others. Sampled as lorasweep-worker samples.
std::string LlamaRequest(const v1::InferenceTask::Generate& text, std::size_t adapters);

// Whether a text loses the space that its first token begins with, as of tokenizers that put one before every text.
// llama-server keeps it.
bool DropsFirstSpace(const text::Tokenizer& tokenizer);

// Reads the server-sent events of one text.
class LlamaStream {
 public:
  // Ends the text at one of these, too.
  LlamaStream(std::vector<std::int32_t> stop_ids, bool drops_first_space)
      : stop_ids_(std::move(stop_ids)), drops_space_(drops_first_space) {}

  // The parts that are whole with these bytes. Nothing more once one has an end.
  std::vector<AnswerPart> Add(std::string_view bytes);
  // The text's last part where the stream has ended before the text: `why` else.
  AnswerPart Broken(std::string why) const;
  bool ended() const { return ended_; }

 private:
  std::optional<AnswerPart> Read(std::string_view line);

  std::vector<std::int32_t> stop_ids_;
  bool drops_space_;  // of the text that comes next
  std::string rest_;  // of a line that is not whole
  std::int64_t tokens_ = 0;
  bool ended_ = false;
};

// What the body of a refusal says, {"error": {"message": …}}, or its beginning where it is of another form.
std::string LlamaRefusal(std::string_view body);

}  // namespace lorasweep::cli
