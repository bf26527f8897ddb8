# What every target of the project shares: language level, warnings, sanitizers, caches.
# trainer_core includes this too when it is built alone.
include_guard(GLOBAL)

option(LORASWEEP_WERROR "Treat warnings as errors" ON)
option(LORASWEEP_FUZZ "Build the fuzzers (clang only)" OFF)
set(LORASWEEP_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize takes them (address,undefined or thread)")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Objects of programs as those of libraries, so that they share precompiled headers.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set_property(GLOBAL PROPERTY USE_FOLDERS ON)

find_program(LORASWEEP_CCACHE ccache)
if(LORASWEEP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers need these sloppiness flags to be cached at all; base_dir lets clones in other folders share.
  set(ccache_launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${LORASWEEP_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ccache_launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${ccache_launcher})
endif()

if(LORASWEEP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(LORASWEEP_SANITIZE)
  add_compile_options(-fsanitize=${LORASWEEP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LORASWEEP_SANITIZE})
endif()

# What most files include, for target_precompile_headers: reading these is half of compiling a file. The dev preset
# compiles without, so that a missing include shows.
set(LORASWEEP_COMMON_HEADERS <algorithm> <filesystem> <functional> <map> <memory> <optional> <string> <vector>
    <absl/status/statusor.h> <absl/strings/str_cat.h>)

# lorasweep_warnings: linked PRIVATE by every target of ours, never by generated or foreign code.
add_library(lorasweep_warnings INTERFACE)
target_compile_options(lorasweep_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                       $<$<BOOL:${LORASWEEP_WERROR}>:-Werror>)
# g++ 12 sees copies of std::string overlap and overrun where they do not (GCC bugs 105329 and 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(lorasweep_warnings INTERFACE -Wno-array-bounds -Wno-restrict)
endif()

# Where scripts/setup keeps what it fetched and built: wheels, third-party libraries, models.
if(DEFINED ENV{LORASWEEP_CACHE})
  set(default_cache $ENV{LORASWEEP_CACHE})
else()
  set(default_cache $ENV{HOME}/.cache/lorasweep)
endif()
set(LORASWEEP_CACHE ${default_cache} CACHE PATH "Folder of scripts/setup: wheels, third-party libraries, models")
