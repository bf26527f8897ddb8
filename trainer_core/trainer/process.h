#pragma once

namespace lorasweep::trainer {

// Sets what training wants of the whole process: tensors on the CPU come from a BlockPool, and oneDNN keeps the kernels
// of all shapes that data of many lengths bring (unless ONEDNN_PRIMITIVE_CACHE_CAPACITY says how many). To be called
// first in main, before there are other threads or tensors.
void PrepareProcess();

// The plain path: on CPUs too, layers are composed of torch's own operations, in one lane, as on a GPU. It is the
// reference for the kernels for CPUs, several times slower, the same to rounding: dropout's masks are equal. For the
// whole process, before the first trainer is made. Off at first.
void UsePlainPath(bool plain);
bool PlainPath();

}  // namespace lorasweep::trainer
