#pragma once

namespace lorasweep::trainer {

// Sets what training wants of the whole process: tensors on the CPU come from a BlockPool, and oneDNN keeps the kernels
// of all shapes that data of many lengths bring (unless ONEDNN_PRIMITIVE_CACHE_CAPACITY says how many). To be called
// first in main, before there are other threads or tensors.
void PrepareProcess();

}  // namespace lorasweep::trainer
