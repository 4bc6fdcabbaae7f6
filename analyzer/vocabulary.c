/* The words of seep-report/1, and the end of an analysis. */
#include <stdlib.h>

#include "analyzer/analysis.h"

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_NOT_LEAK] = "not-leak",
        [VERDICT_INCONCLUSIVE] = "inconclusive",
        [VERDICT_SUSPECT] = "suspect",
        [VERDICT_LEAK] = "leak",
    };

    return names[verdict];
}

const char *region_name(enum region region)
{
    static const char *const names[] = {
        [REGION_ANON_MMAP] = "anon-mmap",
        [REGION_HEAP] = "heap",
        [REGION_ARENA] = "arena",
        [REGION_THREAD_STACK] = "thread-stack",
        [REGION_MAIN_STACK] = "main-stack",
        [REGION_SHARED_MEMORY] = "shared-memory",
        [REGION_FILE] = "file",
        [REGION_RESERVATION] = "reservation",
        [REGION_RUNTIME_HEAP] = "runtime-heap",
        [REGION_OTHER] = "other",
    };

    return names[region];
}

const char *cause_name(enum cause cause)
{
    static const char *const names[] = {
        [CAUSE_NEVER_FREED] = "never-freed",
        [CAUSE_GROWING_BUFFER] = "growing-buffer",
        [CAUSE_THREADS_NOT_JOINED] = "threads-not-joined",
        [CAUSE_DESCRIPTOR_HELD] = "descriptor-held",
        [CAUSE_MAPPING_COUNT] = "mapping-count",
        [CAUSE_FREE_BUT_RETAINED] = "free-but-retained",
        [CAUSE_LAZY_FREE] = "lazy-free",
        [CAUSE_GARBAGE] = "garbage",
        [CAUSE_HUGE_PAGES] = "huge-pages",
        [CAUSE_FORK_COW] = "fork-cow",
        [CAUSE_UNTOUCHED_RESERVATION] = "untouched-reservation",
        [CAUSE_BOUNDED] = "bounded",
        [CAUSE_HIGH_WATER] = "high-water",
        [CAUSE_PAGE_CACHE] = "page-cache",
        [CAUSE_UNKNOWN] = "unknown",
    };

    return names[cause];
}

static void vma_deinit(struct analysis_vma *vma)
{
    free(vma->name);
}

void analysis_stack_deinit(struct analysis_stack *stack)
{
    for (size_t i = 0; i < stack->frames.count; i++) {
        struct analysis_frame *frame = &stack->frames.items[i];

        free(frame->function);
        free(frame->module);
        free(frame->build_id);
        free(frame->file);
    }
    vector_deinit(&stack->frames);
    free(stack->end);
}

void analysis_template_deinit(struct analysis_template *template)
{
    free(template->text);
    for (size_t i = 0; i < ANALYSIS_EXAMPLES; i++)
        free(template->examples[i]);
}

void analysis_finding_deinit(struct finding *finding)
{
    for (size_t i = 0; i < finding->vmas.count; i++)
        vma_deinit(&finding->vmas.items[i]);
    for (size_t i = 0; i < finding->threads.count; i++)
        free(finding->threads.items[i].name);
    for (size_t i = 0; i < finding->stacks.count; i++)
        analysis_stack_deinit(&finding->stacks.items[i]);
    for (size_t i = 0; i < finding->strings.count; i++)
        free(finding->strings.items[i].text);
    for (size_t i = 0; i < finding->next.count; i++)
        free(finding->next.items[i]);
    vector_deinit(&finding->vmas);
    vector_deinit(&finding->threads);
    vector_deinit(&finding->stacks);
    vector_deinit(&finding->strings);
    for (size_t i = 0; i < finding->templates.count; i++)
        analysis_template_deinit(&finding->templates.items[i]);
    vector_deinit(&finding->templates);
    vector_deinit(&finding->next);
    free(finding->title);
    free(finding->written);
    free(finding->reason);
    free(finding->culprit.process);
    free(finding->culprit.thread);
    free(finding->culprit.module);
    free(finding->culprit.function);
}

static void java_deinit(struct analysis_java *java)
{
    for (size_t i = 0; i < java->categories.count; i++)
        free(java->categories.items[i].name);
    vector_deinit(&java->categories);
    free(java->version);
}

static void content_deinit(struct analysis_content *content)
{
    for (size_t i = 0; i < content->strings.count; i++)
        free(content->strings.items[i].text);
    vector_deinit(&content->strings);
    free(content->name);
}

static void incident_deinit(struct analysis_incident *incident)
{
    free(incident->name);
    free(incident->text);
    free(incident->file);
}

#define FORGET(vector, release)                                                                    \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (vector)->count; i_++)                                            \
            release((vector)->items[i_]);                                                          \
        vector_deinit(vector);                                                                     \
    } while (0)
#define RELEASE_IMPORT(import)     (free((import).file), free((import).format))
#define RELEASE_MISSING(missing)   (free((missing).what), free((missing).command))
#define RELEASE_RESIDENT(row)      free((row).name)
#define RELEASE_JAVA(java)         java_deinit(&(java))
#define RELEASE_INCIDENT(incident) incident_deinit(&(incident))
#define RELEASE_CONTENT(content)   content_deinit(&(content))

/* What imported files told. */
static void forget_told(struct analysis *analysis)
{
    FORGET(&analysis->imports, RELEASE_IMPORT);
    FORGET(&analysis->assumptions, free);
    FORGET(&analysis->missing, RELEASE_MISSING);
    FORGET(&analysis->residents, RELEASE_RESIDENT);
    FORGET(&analysis->java, RELEASE_JAVA);
    FORGET(&analysis->incidents, RELEASE_INCIDENT);
    FORGET(&analysis->contents, RELEASE_CONTENT);
    vector_deinit(&analysis->differences);
    free(analysis->thp);
}

void analysis_destroy(struct analysis *analysis)
{
    if (!analysis)
        return;
    for (size_t i = 0; i < analysis->findings.count; i++)
        analysis_finding_deinit(&analysis->findings.items[i]);
    for (size_t i = 0; i < analysis->vmas.count; i++)
        vma_deinit(&analysis->vmas.items[i]);
    for (size_t i = 0; i < analysis->threads.count; i++)
        free(analysis->threads.items[i].name);
    for (size_t i = 0; i < analysis->processes.count; i++) {
        free(analysis->processes.items[i].exe);
        free(analysis->processes.items[i].command);
    }
    for (size_t i = 0; i < analysis->symbol_troubles.count; i++)
        free(analysis->symbol_troubles.items[i]);
    forget_told(analysis);
    vector_deinit(&analysis->symbol_troubles);
    vector_deinit(&analysis->findings);
    vector_deinit(&analysis->vmas);
    vector_deinit(&analysis->threads);
    vector_deinit(&analysis->processes);
    free(analysis->command);
    free(analysis->limit_source);
    free(analysis);
}
