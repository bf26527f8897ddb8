#pragma once

#include <filesystem>
#include <string>

namespace lorasweep::testing {

// A copy of the real 260,032-parameter model stories260K with a chat template added (it has none of its own): real
// training in milliseconds a step. Needs SharedDir() / "models/stories260K".
std::filesystem::path MakeTinyChatModel(const std::filesystem::path& folder);

// `rows` short ShareGPT conversations, JSON lines, the same every time.
std::string TinyConversations(int rows);

}  // namespace lorasweep::testing
