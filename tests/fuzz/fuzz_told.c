/* What imported files told, as a case.json of anyone has it: it is analysed and reported, or refused. */
#include <string.h>

#include "analyzer/analysis.h"
#include "report/report.h"
#include "tests/fuzz/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct analysis_options options = {.skip_symbols = true};
    struct analysis *analysis = NULL;
    struct case_dir *c;
    FILE *nowhere;

    directory_with("case.json", data, size);

    struct seep_error *err = case_open(directory_path, &c);

    if (err) {
        error_destroy(err);
        return 0;
    }
    err = analysis_run(c, &options, &analysis);
    nowhere = fopen("/dev/null", "we");
    if (!nowhere)
        abort();
    if (!err)
        err = report_text(analysis, &(struct report_text_options){.top = 100}, nowhere);
    if (!err)
        err = report_json(analysis, nowhere);
    error_destroy(err);
    fclose(nowhere);
    analysis_destroy(analysis);
    case_destroy(c);
    return 0;
}
