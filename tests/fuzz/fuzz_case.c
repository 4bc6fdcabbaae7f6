/* case.json: whatever it says, the case opens with usable values or is refused. */
#include <string.h>

#include "evidence/case.h"
#include "tests/fuzz/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct case_dir *c;
    struct case_info info;

    directory_with("case.json", data, size);

    struct seep_error *err = case_open(directory_path, &c);

    if (err) {
        error_destroy(err);
        return 0;
    }
    case_info(c, &info);
    if (strnlen(info.case_id, sizeof(info.case_id)) == sizeof(info.case_id) || info.pid < 0 ||
        info.page_bytes < 4096 || case_state(c) == CASE_RECORDING)
        abort();
    error_destroy(case_set_number(c, "target", "pid", 1));
    case_info(c, &info);
    if (info.pid != 1)
        abort();
    case_destroy(c);
    return 0;
}
