#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace lorasweep::trainer {

// Memory that is kept when it is given back: a training step asks for the same again, and new pages from the kernel
// have to be cleared first, which costs more than what is computed in them. A block serves requests of two thirds of
// its size and more. What is kept makes way for what is needed, so that the whole stays close to the most that was in
// use.
//
// Thread safe.
class BlockPool {
 public:
  struct Block {
    void* data = nullptr;  // aligned to 64 bytes, from 2 MiB on to huge pages
    std::size_t size = 0;
  };

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // A block of at least `bytes`, not cleared; without data where there is no memory.
  Block Take(std::size_t bytes);
  void GiveBack(Block block);
  // Bytes of blocks that nobody has.
  std::size_t kept() const;

 private:
  void MakeWay(std::size_t size);  // mutex_ held

  mutable std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;  // by size
  std::size_t kept_ = 0;
};

}  // namespace lorasweep::trainer
