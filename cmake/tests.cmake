# Every test is found by its place:
#   tests/unit/test_X.c       cmocka, linked with everything
#   tests/unit/test_X.sh, tests/golden/*.sh, tests/oracle/*.sh    77 = skipped, with the reason
#   tests/fuzz/fuzz_X.c       LLVMFuzzerTestOneInput; its corpus tests/fuzz/corpus/X is replayed
#   tests/bench/bench_X.c     measured by scripts/bench, never a test
#   tests/oracle/stacks/      programs that tests/oracle/test_stacks_*.sh build, each in many ways
#   samples/X.c               small leaky programs that print their own ground truth
include(CheckCSourceCompiles)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

add_library(seep_all INTERFACE)
target_link_libraries(seep_all INTERFACE seep_cmd)

file(GLOB units CONFIGURE_DEPENDS tests/unit/test_*.c)
foreach(source ${units})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE seep_all PkgConfig::CMOCKA)
  add_test(NAME unit.${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(unit.${name} PROPERTIES LABELS program)
endforeach()

file(GLOB fuzzers CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source ${fuzzers})
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE "fuzz_" "" subject ${name})
  add_executable(${name} ${source} tests/fuzz/replay.c)
  target_link_libraries(${name} PRIVATE seep_all)
  add_test(NAME fuzz.${subject} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${subject})
endforeach()

file(GLOB benches CONFIGURE_DEPENDS tests/bench/bench_*.c)
foreach(source ${benches})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE seep_all)
endforeach()

# Samples and the programs that the oracles run are ordinary programs: no sanitizer, no hardening.
function(seep_sample name source)
  add_executable(${name} ${source})
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_compile_options(${name} PRIVATE -Wall -Wextra -O1 -g ${ARGN})
  target_link_options(${name} PRIVATE ${ARGN})
  target_link_libraries(${name} PRIVATE Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/samples)
endfunction()

file(GLOB samples CONFIGURE_DEPENDS samples/*.c tests/oracle/*.c)
foreach(source ${samples})
  get_filename_component(name ${source} NAME_WE)
  seep_sample(${name} ${source})
endforeach()

# The calls of a 32-bit program have other numbers and shapes: exercise_X32, where gcc-multilib is.
set(CMAKE_REQUIRED_FLAGS -m32)
check_c_source_compiles("#include <sys/mman.h>\nint main(void) { return 0; }" SEEP_COMPILES_M32)
unset(CMAKE_REQUIRED_FLAGS)
if(SEEP_COMPILES_M32)
  file(GLOB exercises CONFIGURE_DEPENDS tests/oracle/exercise_*.c tests/oracle/core_target.c)
  foreach(source ${exercises})
    get_filename_component(name ${source} NAME_WE)
    seep_sample(${name}32 ${source} -m32)
  endforeach()
endif()

file(GLOB scripts CONFIGURE_DEPENDS tests/unit/test_*.sh tests/golden/test_*.sh
     tests/oracle/test_*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  get_filename_component(folder ${script} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  add_test(NAME ${folder}.${name} COMMAND ${script})
  set_tests_properties(${folder}.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 400
    ENVIRONMENT "SEEP=$<TARGET_FILE:seep>;SAMPLES=${PROJECT_BINARY_DIR}/samples;SOURCE=${PROJECT_SOURCE_DIR}")
endforeach()
