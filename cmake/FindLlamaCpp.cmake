# Finds the parts of llama.cpp that scripts/setup built into the cache (cmake/llama_cpp says which) and defines
#   llama_cpp::ggml    GGUF reader and writer, dequantisers
#   llama_cpp::llama   the quantiser; loads and runs models, portably and slowly
#   llama_cpp::jinja   the Jinja engine of chat templates
file(READ ${CMAKE_CURRENT_LIST_DIR}/llama_cpp/VERSION llama_cpp_version)
string(STRIP "${llama_cpp_version}" llama_cpp_version)
set(LLAMA_CPP_ROOT ${LORASWEEP_CACHE}/third_party/llama_cpp-${llama_cpp_version} CACHE PATH "Installed parts of llama.cpp")

find_path(LLAMA_CPP_INCLUDE_DIR gguf.h PATHS ${LLAMA_CPP_ROOT}/include NO_DEFAULT_PATH)
find_library(LLAMA_CPP_GGML_LIBRARY ggml-base PATHS ${LLAMA_CPP_ROOT}/lib NO_DEFAULT_PATH)
find_library(LLAMA_CPP_CPU_LIBRARY ggml-cpu PATHS ${LLAMA_CPP_ROOT}/lib NO_DEFAULT_PATH)
find_library(LLAMA_CPP_LLAMA_LIBRARY llama PATHS ${LLAMA_CPP_ROOT}/lib NO_DEFAULT_PATH)
find_library(LLAMA_CPP_JINJA_LIBRARY llama-jinja PATHS ${LLAMA_CPP_ROOT}/lib NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LlamaCpp REQUIRED_VARS LLAMA_CPP_INCLUDE_DIR LLAMA_CPP_GGML_LIBRARY LLAMA_CPP_CPU_LIBRARY
  LLAMA_CPP_LLAMA_LIBRARY LLAMA_CPP_JINJA_LIBRARY
  REASON_FAILURE_MESSAGE "Run scripts/setup, which builds it once into ${LORASWEEP_CACHE}")

if(LlamaCpp_FOUND AND NOT TARGET llama_cpp::ggml)
  find_package(Threads REQUIRED)
  add_library(llama_cpp::ggml STATIC IMPORTED GLOBAL)
  set_target_properties(llama_cpp::ggml PROPERTIES IMPORTED_LOCATION ${LLAMA_CPP_GGML_LIBRARY})
  target_include_directories(llama_cpp::ggml SYSTEM INTERFACE ${LLAMA_CPP_INCLUDE_DIR})
  target_link_libraries(llama_cpp::ggml INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
  add_library(llama_cpp::llama STATIC IMPORTED GLOBAL)
  set_target_properties(llama_cpp::llama PROPERTIES IMPORTED_LOCATION ${LLAMA_CPP_LLAMA_LIBRARY})
  target_include_directories(llama_cpp::llama SYSTEM INTERFACE ${LLAMA_CPP_INCLUDE_DIR})
  target_link_libraries(llama_cpp::llama INTERFACE ${LLAMA_CPP_CPU_LIBRARY} llama_cpp::ggml)
  add_library(llama_cpp::jinja STATIC IMPORTED GLOBAL)
  set_target_properties(llama_cpp::jinja PROPERTIES IMPORTED_LOCATION ${LLAMA_CPP_JINJA_LIBRARY})
  target_include_directories(llama_cpp::jinja SYSTEM INTERFACE ${LLAMA_CPP_INCLUDE_DIR}/common)
  target_link_libraries(llama_cpp::jinja INTERFACE llama_cpp::ggml)  # it aborts through ggml
endif()
