# Finds the libtorch inside a PyTorch wheel and defines the target libtorch::libtorch.
#
# PyTorch's own CMake config is not used: it defines a dummy protobuf target, and with a CUDA wheel it demands a CUDA
# toolkit. Linking the shared libraries needs neither, and the same binary then runs with or without a GPU.
#
# Input:  LIBTORCH_ROOT, the `torch` folder of a wheel (default: the one scripts/setup installed).
# Output: Libtorch_FOUND, target libtorch::libtorch, LIBTORCH_HAS_CUDA.
if(NOT LIBTORCH_ROOT)
  file(GLOB candidates ${LORASWEEP_CACHE}/wheels/lib/python3*/site-packages/torch)
  list(POP_FRONT candidates LIBTORCH_ROOT)
endif()
set(LIBTORCH_ROOT "${LIBTORCH_ROOT}" CACHE PATH "The torch folder of a PyTorch wheel")

find_path(LIBTORCH_INCLUDE_DIR ATen/ATen.h PATHS ${LIBTORCH_ROOT}/include NO_DEFAULT_PATH)
foreach(name torch torch_cpu c10)
  find_library(LIBTORCH_${name}_LIBRARY ${name} PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
endforeach()
find_library(LIBTORCH_torch_cuda_LIBRARY torch_cuda PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(LIBTORCH_c10_cuda_LIBRARY c10_cuda PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch REQUIRED_VARS LIBTORCH_INCLUDE_DIR LIBTORCH_torch_LIBRARY
  LIBTORCH_torch_cpu_LIBRARY LIBTORCH_c10_LIBRARY
  REASON_FAILURE_MESSAGE "Run scripts/setup, or pass -DLIBTORCH_ROOT=<site-packages>/torch")

if(Libtorch_FOUND AND NOT TARGET libtorch::libtorch)
  set(libraries ${LIBTORCH_torch_LIBRARY} ${LIBTORCH_torch_cpu_LIBRARY} ${LIBTORCH_c10_LIBRARY})
  set(LIBTORCH_HAS_CUDA OFF)
  if(LIBTORCH_torch_cuda_LIBRARY AND LIBTORCH_c10_cuda_LIBRARY)
    set(LIBTORCH_HAS_CUDA ON)
    list(APPEND libraries ${LIBTORCH_torch_cuda_LIBRARY} ${LIBTORCH_c10_cuda_LIBRARY})
  endif()
  add_library(libtorch::libtorch INTERFACE IMPORTED GLOBAL)
  target_include_directories(libtorch::libtorch SYSTEM INTERFACE
    ${LIBTORCH_INCLUDE_DIR} ${LIBTORCH_INCLUDE_DIR}/torch/csrc/api/include)
  # --no-as-needed: the CUDA backend registers itself when loaded; nothing of ours names a symbol of it.
  # unresolved symbols in shared libraries are ignored: the wheel's own dependencies (CUDA, libgomp) come by its rpath.
  target_link_options(libtorch::libtorch INTERFACE -Wl,--unresolved-symbols=ignore-in-shared-libs)
  target_link_libraries(libtorch::libtorch INTERFACE -Wl,--no-as-needed ${libraries} -Wl,--as-needed)
endif()
