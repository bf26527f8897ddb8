# Finds cpp-httplib, which scripts/setup built into the cache (cmake/cpp_httplib), and defines cpp_httplib::cpp_httplib.
file(READ ${CMAKE_CURRENT_LIST_DIR}/cpp_httplib/VERSION cpp_httplib_version)
string(STRIP "${cpp_httplib_version}" cpp_httplib_version)
set(cpp_httplib_root ${LORASWEEP_CACHE}/third_party/cpp_httplib-${cpp_httplib_version})

# Not cached: a build folder of an older version must find the new one.
find_path(cpp_httplib_include_dir httplib.h PATHS ${cpp_httplib_root}/include NO_CACHE NO_DEFAULT_PATH)
find_library(cpp_httplib_library cpp-httplib PATHS ${cpp_httplib_root}/lib NO_CACHE NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CppHttplib REQUIRED_VARS cpp_httplib_include_dir cpp_httplib_library
  REASON_FAILURE_MESSAGE "Run scripts/setup, which builds it once into ${LORASWEEP_CACHE}")

if(CppHttplib_FOUND AND NOT TARGET cpp_httplib::cpp_httplib)
  find_package(OpenSSL 3 REQUIRED)
  find_package(Threads REQUIRED)
  find_package(ZLIB REQUIRED)
  add_library(cpp_httplib::cpp_httplib STATIC IMPORTED GLOBAL)
  set_target_properties(cpp_httplib::cpp_httplib PROPERTIES IMPORTED_LOCATION ${cpp_httplib_library})
  target_include_directories(cpp_httplib::cpp_httplib SYSTEM INTERFACE ${cpp_httplib_include_dir})
  target_compile_definitions(cpp_httplib::cpp_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT)
  target_link_libraries(cpp_httplib::cpp_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto Threads::Threads ZLIB::ZLIB)
endif()
