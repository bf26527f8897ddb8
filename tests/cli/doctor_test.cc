#include <catch2/catch.hpp>

#include <filesystem>

#include "cli/doctor_checks.h"
#include "cli/doctor_facts.h"
#include "cli/doctor_model.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/tiny_model.h"

// Each check tells the mistake that it is there for from a machine in order, and says what to do.
namespace lorasweep::cli {
namespace {

constexpr std::int64_t kGigabyte = 1'000'000'000;

bool Good(const Check& check) {
  INFO(check.name << ": " << check.what << " -> " << check.fix);
  CHECK_FALSE(check.what.empty());
  return check.verdict == CheckVerdict::kGood;
}

// A mistake: what is wrong and the fix are told.
bool Tells(const Check& check, CheckVerdict verdict, const std::string& what, const std::string& fix) {
  INFO(check.name << ": " << check.what << " -> " << check.fix);
  CHECK(check.verdict == verdict);
  CHECK(check.what.find(what) != std::string::npos);
  CHECK(check.fix.find(fix) != std::string::npos);
  return !check.fix.empty();
}

bool Notes(const Check& check, const std::string& what, const std::string& fix) {
  return Tells(check, CheckVerdict::kNote, what, fix);
}

bool Refuses(const Check& check, const std::string& what, const std::string& fix) {
  return Tells(check, CheckVerdict::kBad, what, fix);
}

TEST_CASE("The doctor knows slow processors and threads that get in each other's way", "[cli][doctor]") {
  CHECK(Good(CheckCpu({.name = "x", .threads = 8, .native_bf16 = true, .avx2 = true, .x86 = true})));
  CHECK(Good(CheckCpu({.name = "arm", .threads = 8})));
  CHECK(Notes(CheckCpu({.name = "x", .threads = 8, .x86 = true}), "no AVX2", "host"));

  const CpuLimits eight{.threads = 8, .allowed = 8, .quota = 0};
  CHECK(Good(CheckThreads(eight, {})));
  CHECK(Good(CheckThreads(eight, {{"OMP_NUM_THREADS", "4"}, {"OMP_PROC_BIND", "false"}})));
  CHECK(Notes(CheckThreads(eight, {{"OMP_NUM_THREADS", "16"}}), "only 8 threads", "OMP_NUM_THREADS=8"));
  CHECK(Notes(CheckThreads(eight, {{"OMP_NUM_THREADS", "1"}}), "uses one", "unset"));
  CHECK(Notes(CheckThreads(eight, {{"OMP_NUM_THREADS", "all"}}), "no number", "OMP_NUM_THREADS=8"));
  CHECK(Notes(CheckThreads(eight, {{"OMP_PROC_BIND", "close"}}), "same processors", "unset OMP_PROC_BIND"));
  const CpuLimits container{.threads = 64, .allowed = 64, .quota = 1.5};
  CHECK(Notes(CheckThreads(container, {}), "the time of 2 of 64", "OMP_NUM_THREADS=2"));
  CHECK(Good(CheckThreads(container, {{"OMP_NUM_THREADS", "2"}})));
}

TEST_CASE("The doctor knows memory that is short, by the machine, its container or what is swapped out",
          "[cli][doctor]") {
  const MemoryFacts plenty{.total_bytes = 64 * kGigabyte, .available_bytes = 50 * kGigabyte};
  CHECK(Good(CheckMemory(plenty, {})));
  CHECK(
      Notes(CheckMemory(plenty, {.limit = 4 * kGigabyte, .used = 3 * kGigabyte + kGigabyte / 2}), "container", "nf4"));
  CHECK(Notes(CheckMemory({.total_bytes = 8 * kGigabyte, .available_bytes = kGigabyte / 2}, {}), "free of", "close"));
  CHECK(Good(CheckSwap(plenty)));
  const MemoryFacts swapping{.total_bytes = 8 * kGigabyte,
                             .available_bytes = kGigabyte,
                             .swap_total_bytes = 8 * kGigabyte,
                             .swap_free_bytes = 2 * kGigabyte};
  CHECK(Notes(CheckSwap(swapping), "memory is short", "pack: 1"));
}

TEST_CASE("The doctor knows GPUs that programs cannot use, and libraries that stand in the way", "[cli][doctor]") {
  const GpuFacts gpu{.count = 1, .device_nodes = true, .driver = "550.54.15"};
  CHECK(Good(CheckGpus({}, {})));
  CHECK(Good(CheckGpus(gpu, {{"CUDA_VISIBLE_DEVICES", "0"}})));
  CHECK(Notes(CheckGpus({.count = 1, .device_nodes = false, .driver = ""}, {}), "nvidiactl", "--gpus all"));
  CHECK(Notes(CheckGpus(gpu, {{"CUDA_VISIBLE_DEVICES", ""}}), "hides", "unset CUDA_VISIBLE_DEVICES"));
  CHECK(Notes(CheckGpus({.count = 1, .device_nodes = true, .driver = "470.1"}, {}), "older than 525", "driver"));

  CHECK(Good(CheckLibraries({}, {{"LD_PRELOAD", "/lib/libjemalloc.so"}})));
  CHECK(Notes(CheckLibraries({"/opt/libtorch.so"}, {}), "/opt/libtorch.so", "unset LD_LIBRARY_PATH"));
  CHECK(Notes(CheckLibraries({}, {{"LD_PRELOAD", "/x/libiomp5.so"}}), "LD_PRELOAD", "unset LD_PRELOAD"));
}

TEST_CASE("The doctor knows a locale, limits and a clock that will surprise", "[cli][doctor]") {
  CHECK(Good(CheckLocale({{"LANG", "de_DE.UTF-8"}})));
  CHECK(Good(CheckLocale({})));
  CHECK(Notes(CheckLocale({{"LANG", "en_US.UTF-8"}, {"LC_ALL", "C"}}), "C:", "C.UTF-8"));
  CHECK(Good(CheckOpenFiles(-1)));
  CHECK(Notes(CheckOpenFiles(256), "256", "ulimit"));
  const absl::Time built = absl::FromUnixSeconds(1'700'000'000);
  CHECK(Good(CheckClock(built, built)));
  CHECK(Refuses(CheckClock(built - absl::Hours(30), built), "before the programs", "timedatectl"));
}

TEST_CASE("The doctor knows a worker that is missing or of another build", "[cli][doctor]") {
  CHECK(Good(CheckWorker("lorasweep-worker 1.2", "1.2")));
  CHECK(Refuses(CheckWorker("lorasweep-worker 1.1", "1.2"), "another version", "one build"));
  CHECK(Refuses(CheckWorker(absl::NotFoundError("no worker"), "1.2"), "no worker", "scripts/setup"));
}

TEST_CASE("The doctor knows folders that will not hold a sweep", "[cli][doctor]") {
  const FolderFacts disk{
      .path = "s", .filesystem = "", .can_be_made = true, .free_bytes = 50 * kGigabyte, .free_files = 100000};
  const auto with = [&](const auto& change) {
    FolderFacts facts = disk;
    change(facts);
    return CheckStateFolder(facts);
  };
  CHECK(Good(CheckStateFolder(disk)));
  CHECK(Refuses(with([](FolderFacts& facts) { facts.can_be_made = false; }), "cannot be written", "--state"));
  CHECK(Notes(with([](FolderFacts& facts) { facts.filesystem = "nfs"; }), "is on nfs", "/var/tmp/lorasweep"));
  CHECK(Notes(with([](FolderFacts& facts) { facts.filesystem = "9p"; }), "WSL", "~/lorasweep"));
  CHECK(Notes(with([](FolderFacts& facts) { facts.filesystem = "tmpfs"; }), "boot", "--state"));
  CHECK(Notes(with([](FolderFacts& facts) { facts.free_bytes = 2 * kGigabyte; }), "2.0 GB free", "make room"));
  CHECK(Refuses(with([](FolderFacts& facts) { facts.free_bytes = 1000; }), "1.0 kB free", "make room"));
  CHECK(Refuses(with([](FolderFacts& facts) { facts.free_files = 3; }), "inodes", "make room"));
  CHECK(Good(CheckTemporaryFolder(disk)));
  CHECK(Notes(CheckTemporaryFolder({.path = "t", .filesystem = "", .can_be_made = true, .free_bytes = 1}), "merge",
              "TMPDIR"));
  CHECK(Refuses(CheckTemporaryFolder({.path = "t", .filesystem = ""}), "cannot be written", "TMPDIR"));
}

TEST_CASE("The doctor knows ports that are taken and proxies that are asked for the server", "[cli][doctor]") {
  CHECK(Good(CheckPort(50152, "the dashboard", true)));
  CHECK(Notes(CheckPort(50152, "the dashboard", false), "another program", "ss -ltnp"));
  const std::string server = "sweeps.house.example:50151";
  CHECK(Good(CheckProxy(server, {})));
  CHECK(Good(CheckProxy(server, {{"http_proxy", "http://p:1"}, {"no_proxy", "localhost, .house.example"}})));
  CHECK(Good(CheckProxy(server, {{"http_proxy", "http://p:1"}, {"no_proxy", "*"}})));
  CHECK(Notes(CheckProxy(server, {{"http_proxy", "http://p:1"}, {"no_proxy", "localhost"}}), "http_proxy sends",
              "no_proxy=localhost,sweeps.house.example"));
  CHECK(Notes(CheckProxy(server, {{"grpc_proxy", "http://p:1"}}), "grpc_proxy sends", "no_proxy=sweeps"));
}

TEST_CASE("The doctor knows tokens and certificates that will be refused", "[cli][doctor]") {
  CHECK(Good(CheckToken({})));
  SecretFacts secret{.token_file = "t", .token_text = "abc\n", .readable = true};
  CHECK(Good(CheckToken(secret)));
  secret.others_may_read = true;
  CHECK(Notes(CheckToken(secret), "by others", "chmod 600 t"));
  secret.token_text = "token: abc\n";
  CHECK(Refuses(CheckToken(secret), "more than a token", "token create"));
  secret.token_text = "\n";
  CHECK(Refuses(CheckToken(secret), "is empty", "token create"));
  secret.readable = false;
  CHECK(Refuses(CheckToken(secret), "cannot be read", "token create"));
  CHECK(Notes(CheckToken({.token_file = "", .token_text = "", .on_command_line = true}), "command lines",
              "--token-file"));

  CHECK(Good(CheckTlsCa("", "")));
  CHECK(Good(CheckTlsCa("ca.pem", "-----BEGIN CERTIFICATE-----\n")));
  CHECK(Refuses(CheckTlsCa("ca.pem", "-----BEGIN RSA PRIVATE KEY-----\n"), "private key", "BEGIN CERTIFICATE"));
  CHECK(Refuses(CheckTlsCa("ca.der", "\x30\x82"), "no certificate", "openssl x509"));
  CHECK(Refuses(CheckTlsCa("ca.pem", absl::NotFoundError("ca.pem: no such file")), "no such file", "--tls-ca"));
}

TEST_CASE("The doctor knows models that are not whole, and templates that cut a word's token", "[cli][doctor]") {
  LORASWEEP_NEEDS(testing::SharedDir() / "models/stories260K");
  const testing::TempDir folder;
  const std::filesystem::path model = testing::MakeTinyChatModel(folder.path());
  CHECK(Good(CheckModelFolder(model)));
  const auto prompt = [&](const std::string& chat_template) {
    testing::WriteFile(folder.path() / "own.jinja", chat_template);
    const auto supervisor = chat::Supervisor::Load(model, {.chat_template = folder.path() / "own.jinja"});
    REQUIRE(supervisor.ok());
    return CheckGenerationPrompt("tiny", *supervisor);
  };
  const std::string messages = "{% for m in messages %}{{ m.role }}:{% if m.role == 'user' %} {{ m.content }}\n";
  CHECK(
      Good(prompt(messages + "{% else %} {{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}assistant:"
                             "{% endif %}")));
  CHECK(Notes(
      prompt(messages + "{% else %} {{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}assistant: "
                        "{% endif %}"),
      "a space", "chat_template"));

  testing::WriteFile(model / "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
  CHECK(Refuses(CheckModelFolder(model), "model.safetensors is a pointer of Git LFS", "lfs pull"));
  std::filesystem::remove(model / "model.safetensors");
  CHECK(Refuses(CheckModelFolder(model), "", "hf download"));
}

TEST_CASE("The doctor knows rows that are cut, and trials that do not fit", "[cli][doctor]") {
  text::DataReport report;
  CHECK(Good(CheckCutRows(report, 64)));
  report.lengths = {10, 20, 30, 40, 50, 60, 64, 64};
  CHECK(Good(CheckCutRows(report, 64)));
  report.truncated = 2;
  CHECK(Notes(CheckCutRows(report, 60), "2 of 8 rows are longer than data.max_length 60", "longest row has 64 tokens"));
  report.truncated = 0;
  CHECK(Refuses(CheckCutRows(report, 30), "5 of 8 rows", "max_length"));

  MemoryNeed need{.precision = "bf16", .use = {}, .tokens = 10};
  need.use.base = 4 * kGigabyte;
  CHECK(Good(CheckNeed(need, 8 * kGigabyte)));
  CHECK(Notes(CheckNeed(need, 2 * kGigabyte), "4.0 GB, 2.0 GB are free", "nf4"));
}

TEST_CASE("What the system writes of limits and drivers is read, and what is not there is no limit", "[cli][doctor]") {
  CHECK(ParseCpuMax("150000 100000\n") == 1.5);
  CHECK(ParseCpuMax("max 100000\n") == 0);
  CHECK(ParseCpuMax("") == 0);
  CHECK(ParseMemoryMax("4294967296\n") == 4294967296);
  CHECK(ParseMemoryMax("max\n") == 0);
  CHECK(ParseDriverVersion("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\n") == "550.54.15");
  CHECK(ParseDriverVersion("").empty());
  CHECK(ReadCpuLimits().allowed >= 1);
  CHECK(PortIsFree(0));
  CHECK(ReadFolderFacts(std::filesystem::temp_directory_path()).free_bytes > 0);
  CHECK(WrittenAt("/no/such/file") == absl::InfinitePast());
  CHECK_FALSE(VersionOf("/no/such/program").ok());
}

}  // namespace
}  // namespace lorasweep::cli
