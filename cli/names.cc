#include "cli/names.h"

#include <charconv>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lorasweep::cli {
namespace {

std::vector<std::string_view> SplitAtSlashes(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('/', begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::optional<std::int64_t> ParseWhole(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  std::vector<std::string_view> parts = SplitAtSlashes(text);
  if (parts.size() > 1 && parts.front() == "sweeps") parts.erase(parts.begin());
  if (parts.size() == 3 && parts[1] == "trials") parts.erase(parts.begin() + 1);
  Target target;
  const bool named = !parts.front().empty() && parts.size() <= 2;
  if (named) target.sweep = std::string(parts.front());
  if (named && parts.size() == 2) target.trial = parts[1] == "best" ? kBestTrial : ParseWhole(parts[1]);
  if (!named || (parts.size() == 2 && !target.trial)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text),
                     "' names no sweep or trial; write SWEEP or SWEEP/TRIAL, such as math-tutor or "
                     "math-tutor/9, or math-tutor/best"));
  }
  return target;
}

std::string IdOf(std::string_view resource_name) {
  static constexpr std::string_view kPrefix = "sweeps/";
  if (resource_name.substr(0, kPrefix.size()) == kPrefix) resource_name.remove_prefix(kPrefix.size());
  return std::string(resource_name);
}

absl::Status CheckServerAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon != std::string_view::npos && colon > 0) {
    const std::string_view host = address.substr(0, colon);
    const bool bare_ipv6 = host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']');
    const bool strange = host.find_first_of(" /\t\n,") != std::string_view::npos;
    const std::optional<std::int64_t> port = ParseWhole(address.substr(colon + 1));
    if (!bare_ipv6 && !strange && port && *port >= 1 && *port <= 65535) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("the server's address is '", std::string(address),
                                                 "'; it must be HOST:PORT, such as 127.0.0.1:50151"));
}

}  // namespace lorasweep::cli
