#include "cmd/pids.h"

#include <limits.h>
#include <string.h>

#include "base/units.h"
#include "cmd/command.h"

void pids_parse(const struct argp_state *state, const char *text, struct proc_pids *pids)
{
    _cleanup_free_ char *list = strdup(text);
    char *rest = list, *word;

    while ((word = strsep(&rest, ","))) {
        uint64_t pid;

        if (!units_parse_number(word, INT_MAX, &pid) || pid == 0)
            argp_error(state, "-p takes process ids such as 4242 or 4242,4243, not '%s'", text);
        else if (vector_push(pids, (pid_t)pid))
            argp_failure(state, COMMAND_FAILED, 0, "out of memory");
    }
}
