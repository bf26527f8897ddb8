# `cmake --install BUILD --prefix DIR [--component server|worker|client]`: programs that need nothing of the build folder
# or of the machine's Python any more, only Debian's libraries. What they need of wheels lies in DIR/lib/lorasweep, in the
# wheels' own layout, by which their libraries find each other.
include_guard(GLOBAL)

add_custom_target(programs)  # all that is installed, without tests and benchmarks

# lorasweep_install(PROGRAM COMPONENT): the program, its manual page and its systemd unit.
function(lorasweep_install program component)
  set_target_properties(${program} PROPERTIES
    INSTALL_RPATH "$ORIGIN/../lib/lorasweep/torch/lib;$ORIGIN/../lib/lorasweep/pyarrow")
  add_dependencies(programs ${program})
  install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT ${component})
  install(FILES ${CMAKE_BINARY_DIR}/share/man/man1/${program}.1 DESTINATION share/man/man1 COMPONENT ${component} OPTIONAL)
  file(GLOB units ${CMAKE_SOURCE_DIR}/systemd/${program}*.service)
  foreach(unit ${units})
    get_filename_component(name ${unit} NAME)
    install(CODE "file(READ ${unit} text)
      string(REPLACE /usr/local/bin \"\${CMAKE_INSTALL_PREFIX}/bin\" text \"\${text}\")
      file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/${name}\" \"\${text}\")
      message(STATUS \"Installing: \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/${name}\")"
      COMPONENT ${component})
  endforeach()
endfunction()

# lorasweep_install_arrow(COMPONENT): Arrow's libraries, for programs that read or write its formats.
function(lorasweep_install_arrow component)
  file(GLOB libraries ${ARROW_ROOT}/libarrow.so.[0-9]* ${ARROW_ROOT}/libarrow_s3.so.[0-9]* ${ARROW_ROOT}/libparquet.so.[0-9]*)
  install(FILES ${libraries} DESTINATION lib/lorasweep/pyarrow COMPONENT ${component})
endfunction()

# lorasweep_install_torch(COMPONENT): libtorch, with CUDA's libraries beside it when the wheel is one for GPUs.
function(lorasweep_install_torch component)
  install(DIRECTORY ${LIBTORCH_ROOT}/lib DESTINATION lib/lorasweep/torch COMPONENT ${component} FILES_MATCHING
    PATTERN "*.so*" PATTERN "*python*" EXCLUDE PATTERN "*test*" EXCLUDE PATTERN "*backend_with_compiler*" EXCLUDE
    PATTERN "*aoti_custom_ops*" EXCLUDE PATTERN "libshm*" EXCLUDE)
  get_filename_component(site_packages ${LIBTORCH_ROOT} DIRECTORY)
  if(LIBTORCH_torch_cuda_LIBRARY AND IS_DIRECTORY ${site_packages}/nvidia)
    install(DIRECTORY ${site_packages}/nvidia DESTINATION lib/lorasweep COMPONENT ${component} FILES_MATCHING
      PATTERN "*.so*")
  endif()
endfunction()
