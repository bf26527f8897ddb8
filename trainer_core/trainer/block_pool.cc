#include "trainer_core/trainer/block_pool.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <iterator>

namespace lorasweep::trainer {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPage = 4096;

// Large blocks lie at the beginning of a huge page.
void* MapHuge(std::size_t size) {
  const std::size_t reserved = size + kHugePage;
  void* const start = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(start);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, reserved - before - size);
  madvise(begin + before, size, MADV_HUGEPAGE);  // a wish: without it pages are small
  return begin + before;
}

BlockPool::Block Allocate(std::size_t size) {
  if (size >= kHugePage) return {MapHuge(size), size};
  void* data = nullptr;
  return posix_memalign(&data, 64, size) == 0 ? BlockPool::Block{data, size} : BlockPool::Block{};
}

void Free(void* data, std::size_t size) {
  if (size >= kHugePage) {
    munmap(data, size);
  } else {
    free(data);
  }
}

}  // namespace

BlockPool::~BlockPool() {
  for (const auto& [size, data] : free_) Free(data, size);
}

BlockPool::Block BlockPool::Take(std::size_t bytes) {
  const std::size_t size = (bytes + kPage - 1) / kPage * kPage;
  {
    std::lock_guard lock(mutex_);
    const auto fitting = free_.lower_bound(size);
    if (fitting != free_.end() && fitting->first <= size + size / 2) {
      const Block block{fitting->second, fitting->first};
      kept_ -= block.size;
      free_.erase(fitting);
      return block;
    }
    MakeWay(size);
  }
  return Allocate(size);
}

void BlockPool::GiveBack(Block block) {
  std::lock_guard lock(mutex_);
  free_.emplace(block.size, block.data);
  kept_ += block.size;
}

// Those that are nearly large enough go first: few calls free much.
void BlockPool::MakeWay(std::size_t size) {
  for (std::size_t freed = 0; freed < size && !free_.empty();) {
    auto victim = free_.lower_bound(size);
    if (victim != free_.begin()) victim = std::prev(victim);
    freed += victim->first;
    kept_ -= victim->first;
    Free(victim->second, victim->first);
    free_.erase(victim);
  }
}

std::size_t BlockPool::kept() const {
  std::lock_guard lock(mutex_);
  return kept_;
}

}  // namespace lorasweep::trainer
