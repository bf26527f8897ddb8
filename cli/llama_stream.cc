#include "cli/llama_stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace lorasweep::cli {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestLine = std::size_t{4} << 20;
constexpr std::size_t kShownBody = 300;

Json Parse(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::int64_t Integer(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// Of a text with so many tokens, at the rate that llama.cpp has measured; it does not count the first one either.
std::optional<double> SecondsOf(const Json& json, std::int64_t tokens) {
  const auto timings = json.find("timings");
  if (timings == json.end() || !timings->is_object()) return std::nullopt;
  const auto rate = timings->find("predicted_per_second");
  if (rate == timings->end() || !rate->is_number() || !(rate->get<double>() > 0)) return std::nullopt;
  return static_cast<double>(std::max<std::int64_t>(tokens - 1, 0)) / rate->get<double>();
}

// {"error": {"message"}} or {"message"}.
std::string ErrorOf(const Json& json) {
  if (!json.is_object()) return "";
  const auto error = json.find("error");
  if (error == json.end()) return Text(json, "message");
  return error->is_object() ? Text(*error, "message") : Text(json, "error");
}

}  // namespace

std::string LlamaRequest(const v1::InferenceTask::Generate& text, std::size_t adapters) {
  Json scales = Json::array();
  for (std::size_t i = 0; i < adapters; ++i) {
    scales.push_back({{"id", i}, {"scale", static_cast<std::int32_t>(i) + 1 == text.model() ? 1.0 : 0.0}});
  }
  const Json request = {{"prompt", std::vector<std::int32_t>(text.prompt().begin(), text.prompt().end())},
                        {"n_predict", text.max_tokens()},
                        {"stream", true},
                        {"return_tokens", true},
                        {"cache_prompt", true},
                        {"lora", scales},
                        {"samplers", {"temperature", "top_p"}},
                        {"temperature", text.temperature()},
                        {"top_p", text.top_p() > 0 ? text.top_p() : 1.0},
                        {"seed", text.seed() % 0xFFFFFFFFULL},  // all ones: it would draw one
                        {"repeat_penalty", 1.0}};
  return request.dump();
}

bool DropsFirstSpace(const text::Tokenizer& tokenizer) {
  const std::vector<std::int32_t> ids = tokenizer.Encode("x");
  if (ids.empty()) return false;
  const std::vector<std::int32_t> twice = {ids.front(), ids.front()};
  return tokenizer.Decode(twice).size() > 2 * tokenizer.Decode(std::span(twice).first(1)).size();
}

std::vector<AnswerPart> LlamaStream::Add(std::string_view bytes) {
  std::vector<AnswerPart> parts;
  rest_.append(bytes);
  std::size_t begin = 0;
  for (std::size_t end = 0; !ended_ && (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::optional<AnswerPart> part = Read(std::string_view(rest_).substr(begin, end - begin));
    if (!part) continue;
    ended_ = part->end != AnswerPart::End::kNone;
    parts.push_back(*std::move(part));
  }
  rest_.erase(0, begin);
  if (!ended_ && rest_.size() > kLongestLine) {
    ended_ = true;
    parts.push_back(Broken("llama-server's answer has a line without an end"));
  }
  return parts;
}

AnswerPart LlamaStream::Broken(std::string why) const {
  return {.text = "", .tokens = tokens_, .end = AnswerPart::End::kFailed, .error = std::move(why)};
}

std::optional<AnswerPart> LlamaStream::Read(std::string_view line) {
  const std::size_t value = line.find(": ");
  const std::string_view field = line.substr(0, value);
  if (value == std::string_view::npos || (field != "data" && field != "error")) return std::nullopt;
  const Json json = Parse(line.substr(value + 2));
  if (const std::string why = ErrorOf(json); !why.empty()) return Broken(absl::StrCat("llama-server: ", why));
  if (!json.is_object()) return Broken("llama-server's answer is of another form");
  AnswerPart part;
  part.text = Text(json, "content");
  if (!part.text.empty() && std::exchange(drops_space_, false) && part.text.front() == ' ') part.text.erase(0, 1);
  const auto ids = json.find("tokens");
  const bool stopped =
      ids != json.end() && ids->is_array() && std::any_of(ids->begin(), ids->end(), [this](const Json& id) {
        return id.is_number_integer() &&
               std::find(stop_ids_.begin(), stop_ids_.end(), id.get<std::int32_t>()) != stop_ids_.end();
      });
  const bool last = json.value("stop", Json()) == true;
  const std::string why = Text(json, "stop_type");
  // The token that ended it counts there, and not here.
  const std::int64_t counted = Integer(json, "tokens_predicted") - (stopped || (last && why == "eos") ? 1 : 0);
  tokens_ = last ? counted : std::max(tokens_, counted);
  part.tokens = tokens_;
  if (stopped) {
    part.text.clear();
    part.end = AnswerPart::End::kStop;
  } else if (last) {
    part.end = why == "limit" ? AnswerPart::End::kLength : AnswerPart::End::kStop;
    part.seconds = SecondsOf(json, tokens_);
  }
  return part;
}

std::string LlamaRefusal(std::string_view body) {
  const std::string why = ErrorOf(Parse(body));
  return absl::StrCat("llama-server: ", why.empty() ? std::string(body.substr(0, kShownBody)) : why);
}

}  // namespace lorasweep::cli
