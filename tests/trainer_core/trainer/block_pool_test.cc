#include "trainer_core/trainer/block_pool.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include <catch2/catch.hpp>

namespace lorasweep::trainer {
namespace {

constexpr std::size_t kMebi = std::size_t{1} << 20;

TEST_CASE("a block that was given back serves the next request of about its size") {
  BlockPool pool;
  const BlockPool::Block block = pool.Take(3 * kMebi);
  REQUIRE(block.data != nullptr);
  CHECK(block.size >= 3 * kMebi);
  CHECK(reinterpret_cast<std::uintptr_t>(block.data) % 64 == 0);
  std::memset(block.data, 7, 3 * kMebi);
  pool.GiveBack(block);
  CHECK(pool.kept() == block.size);
  const BlockPool::Block again = pool.Take(2 * kMebi + 5);
  CHECK(again.data == block.data);
  CHECK(again.size == block.size);
  CHECK(pool.kept() == 0);
  pool.GiveBack(again);
}

TEST_CASE("a block is not spent on a request of less than two thirds of its size") {
  BlockPool pool;
  const BlockPool::Block large = pool.Take(6 * kMebi);
  pool.GiveBack(large);
  const BlockPool::Block small = pool.Take(kMebi);
  CHECK(small.size < 2 * kMebi);
  pool.GiveBack(small);
}

TEST_CASE("what is kept makes way for what is needed") {
  BlockPool pool;
  std::vector<BlockPool::Block> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(pool.Take(kMebi));
  for (const BlockPool::Block& block : blocks) pool.GiveBack(block);
  CHECK(pool.kept() == 8 * kMebi);
  const BlockPool::Block large = pool.Take(5 * kMebi);
  CHECK(pool.kept() == 3 * kMebi);
  pool.GiveBack(large);
}

TEST_CASE("blocks in use never overlap") {
  BlockPool pool;
  std::vector<BlockPool::Block> blocks;
  for (std::size_t i = 0; i < 20; ++i) {
    const std::size_t bytes = (1 + i * 7919 % 13) * 300'000;
    blocks.push_back(pool.Take(bytes));
    std::memset(blocks.back().data, static_cast<int>(i), blocks.back().size);
    if (i % 3 == 2) {
      pool.GiveBack(blocks[i - 1]);
      blocks[i - 1] = {};
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].data == nullptr) continue;
    const auto* bytes = static_cast<const unsigned char*>(blocks[i].data);
    CHECK(bytes[0] == i);
    CHECK(bytes[blocks[i].size - 1] == i);
    pool.GiveBack(blocks[i]);
  }
}

}  // namespace
}  // namespace lorasweep::trainer
