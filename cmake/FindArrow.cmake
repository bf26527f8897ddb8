# Finds Arrow C++ inside the pyarrow wheel and defines the targets arrow::parquet and arrow::s3.
#
# Input:  ARROW_ROOT, the `pyarrow` folder of a wheel (default: the one scripts/setup installed).
# Output: Arrow_FOUND, targets arrow::parquet (its Parquet reader) and arrow::s3 (its file system of S3).
if(NOT ARROW_ROOT)
  file(GLOB candidates ${LORASWEEP_CACHE}/wheels/lib/python3*/site-packages/pyarrow)
  list(POP_FRONT candidates ARROW_ROOT)
endif()
set(ARROW_ROOT "${ARROW_ROOT}" CACHE PATH "The pyarrow folder of a wheel")

find_path(ARROW_INCLUDE_DIR parquet/arrow/reader.h PATHS ${ARROW_ROOT}/include NO_DEFAULT_PATH)
# The wheel's libraries have no plain .so names, only versioned ones.
file(GLOB ARROW_LIBRARY ${ARROW_ROOT}/libarrow.so.[0-9]*)
file(GLOB ARROW_PARQUET_LIBRARY ${ARROW_ROOT}/libparquet.so.[0-9]*)
file(GLOB ARROW_S3_LIBRARY ${ARROW_ROOT}/libarrow_s3.so.[0-9]*)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Arrow REQUIRED_VARS ARROW_INCLUDE_DIR ARROW_LIBRARY ARROW_PARQUET_LIBRARY
  ARROW_S3_LIBRARY
  REASON_FAILURE_MESSAGE "Run scripts/setup, or pass -DARROW_ROOT=<site-packages>/pyarrow")

if(Arrow_FOUND AND NOT TARGET arrow::parquet)
  list(GET ARROW_LIBRARY 0 library)
  list(GET ARROW_PARQUET_LIBRARY 0 parquet_library)
  list(GET ARROW_S3_LIBRARY 0 s3_library)
  foreach(part parquet s3)
    add_library(arrow::${part} INTERFACE IMPORTED GLOBAL)
    target_include_directories(arrow::${part} SYSTEM INTERFACE ${ARROW_INCLUDE_DIR})
    target_link_libraries(arrow::${part} INTERFACE ${${part}_library} ${library})
  endforeach()
endif()
