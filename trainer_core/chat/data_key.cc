#include "trainer_core/chat/data_key.h"

#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "data_code.h"
#include "trainer_core/text/sha256.h"

namespace lorasweep::chat {
namespace {

std::string Exact(double value) {
  return absl::StrCat(std::bit_cast<std::uint64_t>(value));
}

std::string Describe(const HeldOut& held_out) {
  if (const auto* share = std::get_if<Share>(&held_out)) return absl::StrCat("share ", Exact(share->share));
  if (const auto* count = std::get_if<RowCount>(&held_out)) return absl::StrCat("rows ", count->rows);
  return "files";
}

absl::StatusOr<std::vector<std::string>> Digest(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> digests;
  for (const std::filesystem::path& file : files) {
    auto digest = text::Sha256File(file);
    if (!digest.ok()) return digest.status();
    digests.push_back(*std::move(digest));
  }
  return digests;
}

}  // namespace

absl::StatusOr<FileDigests> DigestFiles(const DataRecipe& recipe) {
  auto train = Digest(recipe.train);
  if (!train.ok()) return train.status();
  FileDigests digests{.train = *std::move(train), .validation = {}, .test = {}};
  if (const auto* own = std::get_if<Files>(&recipe.validation)) {
    auto validation = Digest(own->files);
    if (!validation.ok()) return validation.status();
    digests.validation = *std::move(validation);
  }
  if (const auto* own = recipe.test ? std::get_if<Files>(&*recipe.test) : nullptr) {
    auto test = Digest(own->files);
    if (!test.ok()) return test.status();
    digests.test = *std::move(test);
  }
  return digests;
}

absl::StatusOr<std::string> DataKey(const DataRecipe& recipe, const std::filesystem::path& model_folder,
                                    const Supervisor& supervisor, std::int64_t vocab_size, const FileDigests& digests) {
  auto tokenizer = text::Sha256File(model_folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  text::Sha256 hash;
  const auto add = [&hash](const std::string& name, const std::string& value) {
    hash.Update(absl::StrCat(name, "=", value.size(), ":", value, "\n"));
  };
  const auto number = [&add](const std::string& name, std::int64_t value) { add(name, absl::StrCat(value)); };
  add("code", LORASWEEP_DATA_CODE);
  for (const std::string& digest : digests.train) add("train", digest);
  for (const std::string& digest : digests.validation) add("validation", digest);
  for (const std::string& digest : digests.test) add("test", digest);
  for (const double weight : recipe.weights) add("weight", Exact(weight));
  number("form", static_cast<int>(recipe.form));
  add("validation", Describe(recipe.validation));
  add("test", recipe.test ? Describe(*recipe.test) : "none");
  number("max_length", recipe.max_length);
  number("truncation", static_cast<int>(recipe.truncation));
  number("loss_on", static_cast<int>(recipe.supervision.loss_on));
  add("system_prompt", recipe.supervision.system_prompt);
  number("packing", recipe.packing);
  number("max_rows", recipe.max_rows);
  add("seed", absl::StrCat(recipe.seed));
  add("tokenizer", *tokenizer);
  number("vocab", vocab_size);
  if (const ChatTemplate* chat_template = supervisor.chat_template()) {
    add("template", chat_template->source());
    for (const auto& [name, text] : chat_template->special_tokens()) add(absl::StrCat("template ", name), text);
  }
  for (const auto& [name, text] : supervisor.special_tokens()) add(name, text);
  return hash.HexDigest();
}

}  // namespace lorasweep::chat
