#include "trainer_core/trainer/process.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include "trainer_core/trainer/block_pool.h"

namespace lorasweep::trainer {
namespace {

// Small tensors are the C library's, whose lists for them are fast.
constexpr std::size_t kLeastPooled = 16 << 10;

std::atomic<bool> plain_path = false;

// torch frees by address alone: what it was is written before it.
struct alignas(64) Header {
  BlockPool::Block block;
  BlockPool* pool = nullptr;  // null: the C library's
};

class PooledAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* const data = bytes == 0 ? nullptr : Allocate(bytes);
    return {data, data, &Free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  void* Allocate(std::size_t bytes) {
    Header header;
    if (bytes < kLeastPooled) {
      header.block.data = std::aligned_alloc(alignof(Header), (bytes + 2 * sizeof(Header) - 1) / 64 * 64);
    } else {
      header = {pool_.Take(bytes + sizeof(Header)), &pool_};
    }
    TORCH_CHECK(header.block.data != nullptr, "not enough memory: ", bytes, " bytes were asked for");
    return new (header.block.data) Header(header) + 1;
  }
  static void Free(void* data) {
    if (data == nullptr) return;
    const Header header = static_cast<Header*>(data)[-1];
    if (header.pool == nullptr) return std::free(header.block.data);
    header.pool->GiveBack(header.block);
  }

  BlockPool pool_;
};

}  // namespace

void PrepareProcess() {
  constexpr std::uint8_t kAboveTorch = 1;
  setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "4096", 0);
  // Never destroyed: tensors may outlive main.
  static auto* const allocator = new PooledAllocator;
  c10::SetCPUAllocator(allocator, kAboveTorch);
}

void UsePlainPath(bool plain) {
  plain_path.store(plain, std::memory_order_relaxed);
}

bool PlainPath() {
  return plain_path.load(std::memory_order_relaxed);
}

}  // namespace lorasweep::trainer
