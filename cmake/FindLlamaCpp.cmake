# Finds the parts of llama.cpp that scripts/setup built into the cache (cmake/llama_cpp says which) and defines
#   llama_cpp::ggml    GGUF reader and writer, dequantisers
#   llama_cpp::llama   the quantiser; loads and runs models, portably and slowly
#   llama_cpp::jinja   the Jinja engine of chat templates
file(READ ${CMAKE_CURRENT_LIST_DIR}/llama_cpp/VERSION llama_cpp_version)
string(STRIP "${llama_cpp_version}" llama_cpp_version)
set(llama_cpp_root ${LORASWEEP_CACHE}/third_party/llama_cpp-${llama_cpp_version})

# Not cached: a build folder of an older version must find the new one.
find_path(llama_cpp_include_dir gguf.h PATHS ${llama_cpp_root}/include NO_CACHE NO_DEFAULT_PATH)
find_library(llama_cpp_ggml_library ggml-base PATHS ${llama_cpp_root}/lib NO_CACHE NO_DEFAULT_PATH)
find_library(llama_cpp_cpu_library ggml-cpu PATHS ${llama_cpp_root}/lib NO_CACHE NO_DEFAULT_PATH)
find_library(llama_cpp_llama_library llama PATHS ${llama_cpp_root}/lib NO_CACHE NO_DEFAULT_PATH)
find_library(llama_cpp_jinja_library llama-jinja PATHS ${llama_cpp_root}/lib NO_CACHE NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LlamaCpp REQUIRED_VARS llama_cpp_include_dir llama_cpp_ggml_library llama_cpp_cpu_library
  llama_cpp_llama_library llama_cpp_jinja_library
  REASON_FAILURE_MESSAGE "Run scripts/setup, which builds it once into ${LORASWEEP_CACHE}")

if(LlamaCpp_FOUND AND NOT TARGET llama_cpp::ggml)
  find_package(Threads REQUIRED)
  add_library(llama_cpp::ggml STATIC IMPORTED GLOBAL)
  set_target_properties(llama_cpp::ggml PROPERTIES IMPORTED_LOCATION ${llama_cpp_ggml_library})
  target_include_directories(llama_cpp::ggml SYSTEM INTERFACE ${llama_cpp_include_dir})
  target_link_libraries(llama_cpp::ggml INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
  add_library(llama_cpp::llama STATIC IMPORTED GLOBAL)
  set_target_properties(llama_cpp::llama PROPERTIES IMPORTED_LOCATION ${llama_cpp_llama_library})
  target_include_directories(llama_cpp::llama SYSTEM INTERFACE ${llama_cpp_include_dir})
  target_link_libraries(llama_cpp::llama INTERFACE ${llama_cpp_cpu_library} llama_cpp::ggml)
  add_library(llama_cpp::jinja STATIC IMPORTED GLOBAL)
  set_target_properties(llama_cpp::jinja PROPERTIES IMPORTED_LOCATION ${llama_cpp_jinja_library})
  target_include_directories(llama_cpp::jinja SYSTEM INTERFACE ${llama_cpp_include_dir}/common)
  target_link_libraries(llama_cpp::jinja INTERFACE llama_cpp::ggml)  # it aborts through ggml
endif()
