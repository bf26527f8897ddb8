// Answers as llama-server does, by what the first token of a prompt says: 1 ends by itself after its other tokens, 2 is
// refused, 3 kills the program in the middle, 4 goes on until nobody listens. Takes --port and ignores other words;
// with
// --parallel 13 it ends at once, as where the model is broken.
#include <httplib.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::json;

std::string Part(const std::string& text, int id, int count) {
  return "data: " + Json{{"content", text}, {"tokens", {id}}, {"stop", false}, {"tokens_predicted", count}}.dump() +
         "\n\n";
}

// The scale of each adapter, then the text's other tokens.
void Answer(const Json& request, httplib::DataSink& sink) {
  const auto write = [&](const std::string& text) { return sink.write(text.data(), text.size()); };
  std::string scales;
  for (const Json& one : request["lora"]) scales += one["scale"] == 1.0 ? "1" : "0";
  int count = 0;
  write(Part(scales, 100, ++count));
  if (request["prompt"][0] == 3) std::_Exit(7);
  if (request["prompt"][0] == 4) {
    while (write(Part(".", 101, ++count))) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return;
  }
  for (std::size_t i = 1; i < request["prompt"].size(); ++i)
    write(Part(" " + request["prompt"][i].dump(), 102, ++count));
  write("data: " + Json{{"content", ""}, {"stop", true}, {"stop_type", "eos"}, {"tokens_predicted", ++count}}.dump() +
        "\n\n");
  sink.done();
}

}  // namespace

int main(int argc, char** argv) {
  int port = 0;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--port") port = std::atoi(argv[i + 1]);
    if (std::string_view(argv[i]) == "--parallel" && std::string_view(argv[i + 1]) == "13") {
      std::cerr << "this model is broken\n";
      return 5;
    }
  }
  httplib::Server server;
  server.Get("/health",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("{}", "text/json"); });
  server.Post("/completion", [](const httplib::Request& asked, httplib::Response& response) {
    const Json request = Json::parse(asked.body);
    if (request["prompt"][0] == 2) {
      response.status = 400;
      response.set_content(R"({"error": {"message": "the prompt is too long"}})", "application/json");
      return;
    }
    response.set_chunked_content_provider("text/event-stream", [request](std::size_t, httplib::DataSink& sink) {
      Answer(request, sink);
      return true;
    });
  });
  return server.listen("127.0.0.1", port) ? 0 : 1;
}
