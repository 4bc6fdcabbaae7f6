#include <stdio.h>

#include "cmd/command.h"
#include "evidence/case.h"

struct seep_error *command_open_case(const char *path, struct case_dir **ret_case)
{
    struct seep_error *err = case_open(path, ret_case);
    struct case_info info;

    if (err)
        return err;
    case_info(*ret_case, &info);
    if (info.import_open)
        fprintf(stderr, "seep: note: %s\n", info.reason);
    return NULL;
}
