#include <string>
#include <vector>

#include "server/use_history.h"
#include "tests/server/world.h"

// What adapters answered, and how busy machines were: what workers say beside their observations.
namespace lorasweep::server {
namespace {

v1::Sample Sample(std::int64_t step, std::int32_t row, const std::string& generated) {
  v1::Sample sample;
  sample.set_step(step);
  sample.set_row(row);
  sample.set_prompt("2 + 2 =");
  sample.set_expected("4");
  sample.set_generated(generated);
  return sample;
}

v1::ReportRequest Reported(const v1::Lease& lease, const std::vector<v1::Sample>& samples) {
  v1::ReportRequest request;
  request.set_worker("workers/a");
  v1::LeaseReport& report = *request.add_reports();
  report.set_token(lease.token());
  report.mutable_samples()->Assign(samples.begin(), samples.end());
  return request;
}

v1::ListSamplesResponse Samples(World& world, const std::string& sweep, std::optional<std::int64_t> step = std::nullopt,
                                int page_size = 0, const std::string& page_token = "") {
  v1::ListSamplesRequest request;
  request.set_parent(sweep + "/trials/0");
  if (step) request.set_step(*step);
  request.set_page_size(page_size);
  request.set_page_token(page_token);
  return Take(world.coordinator->ListSamples(request));
}

std::string Texts(const v1::ListSamplesResponse& response) {
  std::string texts;
  for (const v1::Sample& sample : response.samples()) texts += sample.generated() + " ";
  return texts;
}

TEST_CASE("Samples are stored once, however often they are reported, and are there after a restart, by step and row") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));
  const v1::Lease lease = world.LeaseOne("workers/a");
  const v1::ReportRequest first = Reported(lease, {Sample(20, 1, "b"), Sample(20, 0, "a"), Sample(0, 0, "base")});
  Take(world.coordinator->Report(first));
  const std::int64_t revision = world.Sweep(sweep).revision();
  world.Restart();
  Take(world.coordinator->Report(first));
  Take(world.coordinator->Report(Reported(lease, {Sample(20, 0, "another")})));
  CHECK(world.Sweep(sweep).revision() == revision);
  CHECK(Texts(Samples(world, sweep)) == "base a b ");
  CHECK(Samples(world, sweep).samples(1).time().seconds() > 0);

  world.Report("workers/a", lease.token(), {Loss(100, 1.0)});
  v1::CompleteTrialRequest complete;
  complete.set_worker("workers/a");
  complete.set_token(lease.token());
  *complete.add_samples() = Sample(100, 0, "last");
  Take(world.coordinator->CompleteTrial(complete));
  CHECK(Texts(Samples(world, sweep, 20)) == "a b ");
  CHECK(Texts(Samples(world, sweep, 21)).empty());
  const v1::ListSamplesResponse page = Samples(world, sweep, std::nullopt, 3);
  CHECK(Texts(page) == "base a b ");
  CHECK(std::vector<std::int64_t>(page.steps().begin(), page.steps().end()) == std::vector<std::int64_t>{0, 20, 100});
  const v1::ListSamplesResponse rest = Samples(world, sweep, std::nullopt, 3, page.next_page_token());
  CHECK(Texts(rest) == "last ");
  CHECK(rest.next_page_token().empty());
}

TEST_CASE("Samples that cannot be are refused with the whole call") {
  World world;
  world.Register("workers/a", "1");
  const std::string sweep = world.Create(RandomSpec(1));
  const v1::Lease lease = world.LeaseOne("workers/a");
  for (const v1::Sample& wrong : {Sample(101, 0, "late"), Sample(-1, 0, "early"), Sample(1, 16, "row"),
                                  Sample(1, -1, "row"), Sample(1, 0, std::string((16 << 10) + 1, 'x'))}) {
    INFO(wrong.ShortDebugString().substr(0, 100));
    v1::ReportRequest request = Reported(lease, {Sample(1, 0, "good"), wrong});
    *request.mutable_reports(0)->add_observations() = Loss(1, 2.0);
    CHECK(absl::IsInvalidArgument(world.coordinator->Report(request).status()));
  }
  CHECK(Samples(world, sweep).samples().empty());
  CHECK(world.Trial(sweep, 0).step() == 0);
  v1::ListSamplesRequest nobody;
  nobody.set_parent(sweep + "/trials/7");
  CHECK(absl::IsNotFound(world.coordinator->ListSamples(nobody).status()));
}

TEST_CASE("How busy a worker's machine was is listed, shown with the worker and measured; nonsense is refused") {
  World world;
  world.Register("workers/a", "1");
  world.Create(RandomSpec(1));
  v1::ReportRequest request = Reported(world.LeaseOne("workers/a"), {});
  v1::ListWorkersResponse workers = Take(world.coordinator->ListWorkers({}));
  CHECK(!workers.workers(0).has_use());
  request.mutable_use()->set_seconds(5);
  request.mutable_use()->set_cpu(0.75);
  request.mutable_use()->set_worker_bytes(1 << 20);
  Take(world.coordinator->Report(request));
  request.mutable_use()->set_cpu(1.5);
  CHECK(absl::IsInvalidArgument(world.coordinator->Report(request).status()));
  request.mutable_use()->set_cpu(0.5);
  Take(world.coordinator->Report(request));
  v1::ListMachineUseRequest list;
  list.set_name("workers/a");
  const v1::ListMachineUseResponse listed = Take(world.coordinator->ListMachineUse(list));
  REQUIRE(listed.use_size() == 2);
  CHECK(listed.use(0).cpu() == 0.75);
  CHECK(!listed.use(0).has_gpu());
  CHECK(listed.use(1).time().seconds() > 0);
  workers = Take(world.coordinator->ListWorkers({}));
  CHECK(workers.workers(0).use().cpu() == 0.5);
  CHECK_THAT(world.coordinator->Metrics(), Catch::Contains("lorasweep_worker_cpu_share{worker=\"a\"} 0.5\n"));
  CHECK_THAT(world.coordinator->Metrics(), !Catch::Contains("lorasweep_worker_gpu_share{"));
  list.set_name("workers/b");
  CHECK(absl::IsNotFound(world.coordinator->ListMachineUse(list).status()));
}

TEST_CASE("What is remembered of a machine is bounded, fine where it is new, and its means over time are right") {
  UseHistory history;
  double sum = 0;
  for (int i = 0; i < 5000; ++i) {
    v1::MachineUse use;
    use.set_seconds(1 + i % 3);
    use.set_cpu(i % 7 / 7.0);
    use.set_worker_bytes(i);
    if (i % 2 == 1) use.set_gpu(0.25);
    use.mutable_time()->set_seconds(i);
    sum += use.seconds() * use.cpu();
    history.Add(use);
  }
  CHECK(history.entries().size() <= UseHistory::kMost);
  double seconds = 0;
  double mean = 0;
  for (const v1::MachineUse& use : history.entries()) {
    seconds += use.seconds();
    mean += use.seconds() * use.cpu();
    if (use.has_gpu()) CHECK(use.gpu() == Approx(0.25));
  }
  CHECK(seconds == Approx(4999 + 5000));
  CHECK(mean == Approx(sum));
  CHECK(history.entries().back().time().seconds() == 4999);
  CHECK(history.entries()[history.entries().size() - 100].time().seconds() == 4900);
  CHECK(history.last()->worker_bytes() == 4999);
}

}  // namespace
}  // namespace lorasweep::server
