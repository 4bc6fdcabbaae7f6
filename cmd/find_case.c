#include "cmd/find_case.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "evidence/case.h"

/* When PATH was begun, on the wall clock; 0: it is no case of PID. */
static uint64_t begun_ns(const char *path, pid_t pid)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_error_ struct seep_error *err = case_open(path, &c);
    struct case_info info;

    if (err)
        return 0;
    case_info(c, &info);
    return info.pid == pid ? info.started_ns + info.wall_offset_ns : 0;
}

struct seep_error *find_case_of(pid_t pid, char **ret_path)
{
    _cleanup_free_ char *last = NULL;
    uint64_t last_ns = 0;
    DIR *entries = opendir(".");

    if (!entries)
        return error_errno(errno, ".", "cannot list the working directory");
    for (struct dirent *entry; (entry = readdir(entries));) {
        uint64_t ns = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN
                          ? begun_ns(entry->d_name, pid)
                          : 0;

        if (ns <= last_ns)
            continue;
        last_ns = ns;
        free(last);
        last = strdup(entry->d_name);
    }
    closedir(entries);
    if (!last)
        return error_remedy(error_create(ERROR_NOT_FOUND,
                                         "no case of process %d is in the working directory",
                                         (int)pid),
                            "name it with -o CASE");
    *ret_path = take_ptr(last);
    return NULL;
}
